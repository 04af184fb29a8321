"""The cases of docs/decisions/fact-gate.md: what a passage says, what may be said of it, what may not."""

CASES = {
    "durations": (
        "Returns take two days.",
        [
            "2 days", "two days", "2-day", "Two  days",
        ],
        [
            "48 hours", "2 weeks", "three days", "2 hours", "a day",
            "a fortnight", "two fortnights", "a decade", "2 days and a half", "2 1/2 days",
        ],
    ),
    "durations in four languages": (
        "Refunds take 2 days.",
        [
            "two days", "zwei Tage", "deux jours", "dos días", "2 Tage",
        ],
        [
            "zwei Wochen", "deux semaines", "dos semanas", "48 hours",
        ],
    ),
    "german number words": (
        "Es dauert vierzehn Tage.",
        [
            "14 Tage", "vierzehn Tage", "14-tägig", "fourteen days",
        ],
        [
            "15 Tage", "fünfzehn Tage", "vierzehn Wochen", "fünfundzwanzig Tage",
        ],
    ),
    "french number words": (
        "Le colis est gardé quinze jours.",
        [
            "15 jours", "quinze jours",
        ],
        [
            "seize jours", "quatre-vingt-dix jours", "quinze heures",
        ],
    ),
    "spanish number words": (
        "Tarda treinta y cinco días.",
        [
            "35 días", "treinta y cinco días",
        ],
        [
            "treinta días", "cinco días", "treinta y seis días",
        ],
    ),
    "pounds": (
        "It costs £4.95.",
        [
            "£4.95", "4.95 GBP", "GBP 4.95", "£ 4.95", "4.95 pounds", "4,95 £",
        ],
        [
            "£4.59", "$4.95", "4.95 €", "£49.5", "£495", "£4.950.00", "4 pounds 95", "£4", "£5", "4.95",
        ],
    ),
    "dollars": (
        "It costs $4.95.",
        [
            "$4.95", "4.95 USD", "USD 4.95", "US$4.95", "4.95 dollars",
        ],
        [
            "CA$4.95", "A$4.95", "£4.95",
        ],
    ),
    "thousands": (
        "Orders of 1,000 items.",
        [
            "1000 items", "1,000 items", "1 000 items", "a thousand items", "one thousand items", "1'000 items",
        ],
        [
            "1.000 items", "10,000 items", "100 items", "1,0000 items", "2 thousand items", "1 001 items",
        ],
    ),
    "thousands in german": (
        "Ab 1.000 € ist der Versand für Sie kostenlos und wir liefern nach Hause.",
        [
            "1.000 €",
        ],
        [
            "1 €", "1.001 €", "10.000 €",
        ],
    ),
    "percent": (
        "You get 50 % back.",
        [
            "50%", "50 percent", "50 per cent", "fifty percent", "half of it", "50 Prozent",
            "fifty percent",
        ],
        [
            "5%", "60 %", "50 €", "a third of it", "a quarter of it",
            "50 1/2 %", "twofold", "tenfold",
        ],
    ),
    "half": (
        "You get half of it back.",
        [
            "half", "50%", "½",
        ],
        [
            "a third", "two thirds", "40 %", "half an hour", "half a dozen",
        ],
    ),
    "a half more": (
        "It takes two and a half hours.",
        [
            "2.5 hours", "2½ hours", "2 1/2 hours", "two and a half hours", "zweieinhalb Stunden",
            "deux heures et demie",
        ],
        [
            "2 hours", "half an hour", "three and a half hours", "25 hours",
        ],
    ),
    "dozens": (
        "A dozen tents.",
        [
            "12 tents", "twelve tents", "a dozen tents",
        ],
        [
            "half a dozen tents", "two dozen tents", "six tents",
        ],
    ),
    "times of day": (
        "It is open from 14:00 to 17:30.",
        [
            "2 pm", "2 p.m.", "14:00", "14:00 to 17:30", "2pm", "5:30 pm", "14.00 Uhr", "14 Uhr", "14h00",
            "2 to 5:30 pm",
        ],
        [
            "2 am", "14:30", "15:00", "5 pm", "noon", "midnight", "4 pm", "17:30 to 14:00",
        ],
    ),
    "dates": (
        "Until 24 December.",
        [
            "24 Dec", "24th December", "December 24", "Dec. 24", "24. Dezember", "24 décembre", "24 de diciembre",
            "the 24th of December", "in December",
        ],
        [
            "25 December", "24 November", "24 December 2024", "December 2024", "24/12", "23 Dec", "in November",
            "the second of December", "December the first", "der zweite Dezember", "le premier décembre", "1/4",
        ],
    ),
    "whole dates": (
        "On 2024-12-24 it ends.",
        [
            "24 December 2024", "24.12.2024", "12/24/2024", "24/12/2024", "24 December", "December 2024", "24th",
        ],
        [
            "24 December 2025", "2024-12-25", "23.12.2024", "12/24/2025",
        ],
    ),
    "ambiguous dates": (
        "On 03/04/2024 it ends.",
        [
            "03/04/2024", "3/4/2024",
        ],
        [
            "3 April 2024", "4 March 2024", "04/03/2024",
        ],
    ),
    "weekdays": (
        "Open Monday to Friday, closed on Sunday.",
        [
            "Monday to Friday", "Mon-Fri", "on Sundays", "Montag bis Freitag", "du lundi au vendredi",
            "de lunes a viernes", "on Friday",
        ],
        [
            "Monday to Sunday", "on Saturday", "Tuesday", "Mon-Sun", "Samstag", "martes", "mercredi", "Fri-Mon",
        ],
    ),
    "telephone numbers": (
        "Call 01632 960100 for help.",
        [
            "01632 960100", "01632960100", "(01632) 960100", "01632-960100", "01632/960100", "01632 960 100",
            "Call 01632 960100, then wait.",
        ],
        [
            "01632 960101", "960100", "01632", "01632 960 101", "+44 1632 960100", "016329 60100 0",
        ],
    ),
    "addresses and links": (
        "Write to help@larkfield.example or larkfield.example/returns.",
        [
            "help@larkfield.example", "https://larkfield.example/returns", "www.larkfield.example/returns/",
            "[here](https://larkfield.example/returns)", "mailto:help@larkfield.example",
        ],
        [
            "helper@larkfield.example", "help@larkfield.com", "larkfield.example/return",
            "larkfield.example/returns/2", "larkfield.example", "[61](https://larkfield.example/returns)",
            "[help](https://larkfield.example.evil.com/returns)", "hеlp@larkfield.example",
            "larkfiеld.example/returns", "http://larkfield.example@evil.com", "evil.click", "javascript:alert",
            "evil dot com", "evil punkt de", "evil。com", "http:/evil", "help@evil", "@evil",
        ],
    ),
    "codes and versions": (
        "Use the code SAVE20, error E_42 or version 2.30. Model WH-1000XM4.",
        [
            "SAVE20", "E_42", "version 2.30", "WH-1000XM4", "the code save20",
            "code: SAVE20", "the code is SAVE20",
        ],
        [
            "SAVE2", "SAVE200", "SАVE20", "S4VE20", "E_43", "version 2.3", "version 2.31", "v2.3", "WH-1000XM5",
            "WH-1000", "the code SUMMER", "version 2",
            "code: HELLO", "the code is WELCOME", "voucher: BLACKFRIDAY",
        ],
    ),
    "disguised digits": (
        "It holds 30 litres.",
        [
            "30 litres", "30 l", "30L", "thirty litres",
        ],
        [
            "3**1** litres", "3\u200b1 litres", "３１ litres", "٣١ litres", "3\xad1 litres", "3<b>1</b> litres",
            "3&#49; litres", "3¹ litres", "③① litres", "3[](x)1 litres", "XXXI", "Ⅻ", "3\u03361", "3\u20091 litres",
            "3_1", "³¹", "sіхty litres", "ѕіхty litres", "ｓｉｘｔｙ litres", "si\u0445\u200bty litres", "30² litres",
            "3O litres", "l0 litres", "三十一", "\u202e03 litres", "31 litres", "3⁄1", "30.1 litres", "30,5 litres",
            "30-31 litres", "-30 litres", "minus 30 litres",
            "🔟 litres", "sixtyone litres", "LXI", "lxi litres", "MMXXIV", "tenfold", "zehnfach", "a tenner",
        ],
    ),
    "below zero": (
        "Kept at -5 °C.",
        [
            "-5 °C", "−5 °C", "minus 5 °C",
        ],
        [
            "5 °C", "-5 °F", "-6 °C",
        ],
    ),
    "a row of a table": (
        "Working days: 3 to 5; Price: €7.90",
        [
            "3 to 5 working days", "€7.90", "7,90 €", "3-5 business days",
        ],
        [
            "3 to 5 days", "3 to 5 weeks", "4 working days", "5 to 3 working days", "€7.09", "7.90",
        ],
    ),
    "working days": (
        "It takes 14 working days.",
        [
            "14 working days", "14 business days", "14 Werktage",
        ],
        [
            "14 days", "14 Tage",
        ],
    ),
    "days": (
        "You have 14 days.",
        [
            "14 days", "14 calendar days", "14 full days",
        ],
        [
            "14 working days", "14 business days",
        ],
    ),
    "articles": (
        "You have a week.",
        [
            "a week", "one week", "1 week",
        ],
        [
            "two weeks", "7 days", "a month", "an hour",
        ],
    ),
    "the first of a month": (
        "It starts on 1 March and ends on 2 May.",
        [
            "the first of March", "March the first", "March 1", "le premier mars", "am ersten März",
            "the second of May",
        ],
        [
            "the second of March", "March the second", "the first of May",
        ],
    ),
    "rates": (
        "It costs £5 per day.",
        [
            "£5 a day", "£5 per day", "one day",
        ],
        [
            "a week", "£5 for a month", "The answer is: 1", "we take 1 of them",
        ],
    ),
    "ordinals": (
        "The first 3 items, the third attempt.",
        [
            "3 items", "the third attempt", "the 3rd attempt",
        ],
        [
            "the fourth attempt", "the 4th attempt", "the twenty-first attempt",
        ],
    ),
    "twice": (
        "You can try twice.",
        [
            "twice", "two times", "zweimal", "2x",
        ],
        [
            "three times", "thrice", "dreimal", "2 days",
        ],
    ),
    "sizes": (
        "Size 60 x 40 x 30 cm.",
        [
            "60 x 40 x 30 cm", "60x40x30 cm", "60 × 40 × 30 cm",
        ],
        [
            "60 x 30 cm", "60x40x31 cm", "40 x 60 x 30 cm", "60x40x30 mm",
        ],
    ),
    "sums": (
        "It costs £10 and £5 for delivery.",
        [
            "£10 and £5",
        ],
        [
            "£15", "£15 in all", "£50", "£105",
        ],
    ),
    "versions": (
        "Version 4 is new.",
        [
            "version 4", "v4", "Version 4",
        ],
        [
            "version 5", "v5", "v4.1",
        ],
    ),
    "roman numerals": (
        "Series II of it.",
        [
            "Series II",
        ],
        [
            "Series III", "Series XII",
        ],
    ),
    "numbering and markers": (
        "",
        [
            "1. Open it.\n2. Close it.", "Step 1: Open it.\nStep 2: Close it.", "Do this: 1. Open it. 2. Close it.",
            "**1.** Open it.\n**2.** Close.", "Yes [1].", "1) Open it.\n2) Close it.",
        ],
        [
            "1.", "1. 2. 3.", "1. days of it", "5. Open it.", "1. Open.\n3. Close.", "It costs [1] pounds.",
            "It costs £[1].", "[7]", "within [1] days", "1. December is it", "1\n",
            "It costs [1][1] pounds.",
        ],
    ),
}  # fmt: skip
