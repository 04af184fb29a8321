"""People of the staff in the admin: who has a second factor, and the way back in for who is locked out."""

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from supportbot import audit, lockout, two_factor

# Pages of django-otp's own would show the secrets of others; ours says whether there is one, and takes it away.
admin.site.unregister([User, TOTPDevice, StaticDevice])


@admin.register(User)
class PeopleAdmin(UserAdmin):
    list_display = ("username", "email", "is_active", "is_superuser", "second_factor", "last_login")
    actions = ("unlock", "forget_second_factor")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        confirmed = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        return super().get_queryset(request).annotate(has_second_factor=Exists(confirmed))

    @admin.display(description="second factor", boolean=True, ordering="has_second_factor")
    def second_factor(self, user: User) -> bool:
        return user.has_second_factor

    @admin.action(description="Let them try to sign in again", permissions=["change"])
    def unlock(self, request: HttpRequest, people: QuerySet[User]) -> None:
        for person in people:
            lockout.unlock(person.get_username())
            audit.record("unlocked", request=request, kind="auth.user", object_id=str(person.pk), object=str(person))
        self.message_user(request, "They may try again.", messages.SUCCESS)

    @admin.action(description="Take the second factor away (lost phone)", permissions=["change"])
    def forget_second_factor(self, request: HttpRequest, people: QuerySet[User]) -> None:
        """Nobody but a superuser opens a superuser's door."""
        closed = [person for person in people if person.is_superuser and not request.user.is_superuser]
        for person in people:
            if person not in closed and two_factor.forget(person):
                about = {"kind": "auth.user", "object_id": str(person.pk), "object": str(person)}
                audit.record("second_factor_removed", request=request, **about)
        if closed:
            self.message_user(request, "Only a superuser takes a superuser's second factor away.", messages.ERROR)
        else:
            self.message_user(request, "At their next sign-in they set up a new one.", messages.SUCCESS)
