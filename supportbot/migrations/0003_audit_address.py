"""The audit log also says from where, and refuses to be emptied.

While a page of staff runs, its connection knows whose it is and from where (supportbot.audit.says_from_where); what the
admin notes of another person meanwhile, or a worker later, gets no address rather than a wrong one.
"""

from django.db import migrations

COPY = """
CREATE OR REPLACE FUNCTION supportbot_audit_copy() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    at_work text := COALESCE(current_setting('supportbot.at_work', true), '');
BEGIN
    INSERT INTO supportbot_auditentry (at, who, user_id, address, act, kind, object_id, object, detail)
    SELECT NEW.action_time, person.username, person.id,
           CASE WHEN split_part(at_work, ' ', 1) = person.id::text THEN left(split_part(at_work, ' ', 2), 45) ELSE '' END,
           CASE NEW.action_flag WHEN 1 THEN 'added' WHEN 2 THEN 'changed' ELSE 'deleted' END,
           COALESCE(left(type.app_label || '.' || type.model, 80), ''), COALESCE(left(NEW.object_id, 64), ''),
           left(NEW.object_repr, 200), left(NEW.change_message, 2000)
    FROM auth_user AS person LEFT JOIN django_content_type AS type ON type.id = NEW.content_type_id
    WHERE person.id = NEW.user_id;
    RETURN NULL;
END $$;
"""

WHOLE = """
CREATE OR REPLACE TRIGGER supportbot_audit_whole BEFORE TRUNCATE ON supportbot_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION supportbot_audit_keep();
"""

UNDO = "DROP TRIGGER IF EXISTS supportbot_audit_whole ON supportbot_auditentry"


class Migration(migrations.Migration):
    dependencies = [("supportbot", "0002_audit")]

    # The copy as it is now serves the version before as well: it names nobody at work, and no address is written.
    operations = [migrations.RunSQL(COPY, migrations.RunSQL.noop), migrations.RunSQL(WHOLE, UNDO)]
