"""What a number may be a number of, under one name in English, German, French and Spanish; months and days too; pure.

Words as `folding.latin` gives them: small letters without accents.
"""

from collections.abc import Sequence


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CURRENCIES = {"£": "£", "€": "€", "$": "$", "us$": "$", "¥": "¥"}
_UNITS = {
    "day": "day days tag tage tagen tages jour jours dia dias d",
    "week": "week weeks woche wochen semaine semaines semana semanas wk wks",
    "month": "month months monat monate monaten monats mois mes meses",
    "year": "year years yr yrs jahr jahre jahren jahres an ans annee annees ano anos",
    "fortnight": "fortnight fortnights", "decade": "decade decades jahrzehnt jahrzehnte decennie decennies",
    "century": "century centuries jahrhundert jahrhunderte siecle siecles siglo siglos",
    "hour": "hour hours hr hrs h stunde stunden heure heures hora horas",
    "minute": "minute minutes min mins minuten minuto minutos",
    "second": "second seconds sec secs s sekunde sekunden seconde secondes segundo segundos",
    "night": "night nights nacht nachte nachten nuit nuits noche noches",
    "am": "am a.m", "pm": "pm p.m", "o'clock": "o'clock uhr",
    "£": "£ pound pounds gbp pfund livres libras quid", "€": "€ euro euros eur", "$": "$ dollar dollars usd us$",
    "chf": "chf franken", "kr": "kr kronor kroner", "cad": "cad ca$", "aud": "aud a$ au$", "sek": "sek", "nok": "nok",
    "dkk": "dkk", "pln": "pln zl", "jpy": "jpy", "inr": "inr ₹ rupees",
    "p": "p pence penny", "cent": "cent cents centimes centimos", "%": "% percent prozent",
    "kg": "kg kgs kilo kilos kilogram kilograms kilogramm", "g": "g gram grams gramm grammes gramos",
    "t": "tonne tonnes", "lb": "lb lbs", "oz": "oz ounce ounces",
    "km": "km kilometre kilometres kilometer kilometers kilometros", "m": "m metre metres meter meters metern metros",
    "cm": "cm centimetre centimetres centimeter centimeters zentimeter centimetros", "mm": "mm millimetre millimetres",
    "mile": "mile miles mi", "inch": "inch inches", "ft": "ft foot feet", "mg": "mg",
    "l": "l litre litres liter liters litros", "ml": "ml millilitre millilitres", "°c": "°c °", "°f": "°f",
    "w": "w watt watts", "kw": "kw", "v": "v volt volts", "mah": "mah", "wh": "wh", "kwh": "kwh", "mhz": "mhz",
    "ghz": "ghz", "kb": "kb", "mb": "mb", "gb": "gb", "tb": "tb", "mbps": "mbps", "gbps": "gbps", "ms": "ms",
    "person": "person persons people personen personnes personas", "times": "times mal fois veces vez",
}  # fmt: skip
UNITS = {word: unit for unit, words in _UNITS.items() for word in words.split()}
GLUED = {"in": "inch", "a": "a", "hz": "hz", "x": "times"}  # right after the digits only: 15in, 2x
MONEY = _words("£ € $ ¥ chf kr cad aud sek nok dkk pln jpy inr p cent")
TIME = _words("minute hour day week fortnight month year decade century night") | {"working day"}
CLOCK = frozenset(("am", "pm", "o'clock"))
ADJECTIVES = _words("calendar full consecutive more whole further additional extra ganze volle weitere")
_WORKING = _words("working business work")
_WORKING_AFTER = _words("ouvre ouvres ouvrable ouvrables laborable laborables habil habiles")
_WORKING_DAY = _words("werktag werktage werktagen arbeitstag arbeitstage arbeitstagen workday workdays")
_IN_TWO = {("per", "cent"), ("por", "ciento"), ("pour", "cent"), ("o", "clock")}
# All that a unit may be written with.
UNIT_WORDS = UNITS.keys() | ADJECTIVES | _WORKING | _WORKING_AFTER | _WORKING_DAY | {w for two in _IN_TWO for w in two}
_SUFFIXES = {"tagig": "day", "wochig": "week", "monatig": "month", "jahrig": "year", "stundig": "hour"}
# "a day" says how long; "per day" and "every day" license it.
EACH = _words("per each every single pro je jeder jeden jede par chaque por cada one a an next 1 /")

_MONTHS = (
    "january february march april may june july august september october november december",
    "januar februar marz april mai juni juli august september oktober november dezember",
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "janner - - - - - - - sept okt - dez",
)
MONTHS = {word: n for names in _MONTHS for n, word in enumerate(names.split(), start=1) if word != "-"}
# Months only beside a number, or with a capital letter after a word like "in".
SHY_MONTHS = _words("march may mars mai mayo marzo august mar jan jun sep sept dec dez oct nov")
BEFORE_MONTH = _words(
    "in since until till by of from to on during before after end early late mid im seit bis ab ende anfang en de "
    "desde hasta fin depuis jusqu'en and or between each every"
)
_WEEKDAYS = (
    "monday tuesday wednesday thursday friday saturday sunday",
    "mondays tuesdays wednesdays thursdays fridays saturdays sundays",
    "montag dienstag mittwoch donnerstag freitag samstag sonntag",
    "montags dienstags mittwochs donnerstags freitags samstags sonntags",
    "montage - - - freitage sonnabend -",
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "lundis mardis mercredis jeudis vendredis samedis dimanches",
    "lunes martes miercoles jueves viernes sabado domingo",
    "- - - - - sabados domingos",
)
WEEKDAYS = {word: n for names in _WEEKDAYS for n, word in enumerate(names.split(), start=1) if word != "-"}
WEEKDAYS["sonnabend"] = 6
DATE_WORDS = frozenset(WEEKDAYS) | (MONTHS.keys() - SHY_MONTHS)
# These are days only beside another day: "Mon-Fri", "Sa. und So."; alone they are words, or nothing.
_SHORT_DAYS = (
    "mon tue wed thu fri sat sun",
    "- tues - thurs - - -",
    "mo di mi do fr sa so",
    "lun mar mer jeu ven sam dim",
)
SHORT_DAYS = {word: n for names in _SHORT_DAYS for n, word in enumerate(names.split(), start=1) if word != "-"}
CLOCK_WORDS = {
    "noon": "12:00", "midday": "12:00", "mediodia": "12:00", "midnight": "0:00", "mitternacht": "0:00",
    "minuit": "0:00", "medianoche": "0:00",
}  # fmt: skip


def read_unit(words: Sequence[str]) -> tuple[str, int]:
    """The unit that these words begin with and how many of them it takes: "full working days" -> working day, 3."""
    place, working = 0, False
    while place < min(2, len(words)) and (words[place] in ADJECTIVES or words[place] in _WORKING):
        working = working or words[place] in _WORKING
        place += 1
    if place >= len(words):
        return "", 0
    if tuple(words[place : place + 2]) in _IN_TWO:
        return ("o'clock" if words[place] == "o" else "%"), place + 2
    if words[place] in _WORKING_DAY:
        return "working day", place + 1
    unit = UNITS.get(words[place], "")
    if not unit:
        return "", 0
    after = words[place + 1] if place + 1 < len(words) else ""
    if words[place] == "an" and after in UNITS:  # "an hour", not the French year
        return "", 0
    if unit == "day" and (working or after in _WORKING_AFTER):
        return "working day", place + 1 + (after in _WORKING_AFTER)
    return unit, place + 1


def suffix_unit(word: str) -> str:
    """14-tägig, dreiwöchige: the unit in a German adjective, or nothing."""
    return next((unit for ending, unit in _SUFFIXES.items() if ending in word), "")
