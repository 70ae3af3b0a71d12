"""What the advisers of the demo world say of themselves, in Dutch and in English: a line, and a short story."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Biography:
    """An adviser's own words: one line under the name, and the story behind it; each in both languages."""

    headline_nl: str
    headline_en: str
    story_nl: str
    story_en: str


BIOGRAPHIES = {
    "bram": Biography(
        "Leidt barista's op en drinkt zelf filter",
        "Trains baristas and drinks filter himself",
        "Bram stond elf jaar achter de machine in Nijmegen voordat hij anderen ging leren hoe het moet. Op zijn blog "
        "vergelijkt hij apparaten die hij een maand in zijn eigen keuken heeft gehad, met de maalstand erbij. Wat hij "
        "niet zou kopen, laat hij weg; daarom staat er weinig op.",
        "Bram stood behind the machine in Nijmegen for eleven years before he began to teach others. On his blog he "
        "compares equipment that spent a month in his own kitchen, and he gives the grind setting too. What he would "
        "not buy he leaves out, so the list is short.",
    ),
    "noor": Biography(
        "Koopt, gebruikt en schrijft het op",
        "Buys it, uses it and writes it down",
        "Noor werkt in de zorg, heeft twee kinderen en weinig tijd voor miskopen. Ze bespreekt alleen wat ze zelf "
        "betaalde, en zet er na een half jaar bij of ze het weer zou doen. Haar stukken gaan vaker over het doosje "
        "waar iets in moet passen dan over het merk.",
        "Noor works in health care, has two children and little time for bad buys. She reviews only what she paid for "
        "herself, and half a year later she adds whether she would buy it again. Her pieces are about the box that "
        "something must fit in more often than about the brand.",
    ),
    "ruben": Biography(
        "Gids in de bergen, knieën van vijfenveertig",
        "Mountain guide with knees of forty-five",
        "Ruben leidt al twintig zomers groepen over hutten in Tirol en Slovenië en heeft daar de papieren voor. Hij "
        "schrijft over schoenen die je na dag vier nog aan wilt, en over wat je rustig thuis kunt laten. Zijn paklijst "
        "weegt met water erbij nog geen acht kilo.",
        "Ruben has led groups from hut to hut in Tyrol and Slovenia for twenty summers, and holds the licence for it. "
        "He writes about boots that you still want to wear on day four, and about what can safely stay at home. His "
        "packing list weighs less than eight kilos, water included.",
    ),
    "hanneke": Biography(
        "Jeugdbibliothecaris, dertig jaar voorleesuur",
        "Children's librarian, thirty years of story hours",
        "Hanneke kocht dertig jaar lang de jeugdboeken in voor een bibliotheek in Drenthe. Ze weet welke boeken "
        "stukgelezen terugkomen en welke netjes blijven, en dat is haar hele methode. Scholen vragen haar om lijsten "
        "per leeftijd; die maakt ze met een boek te weinig, zodat er iets te kiezen blijft.",
        "Hanneke bought the children's books for a library in Drenthe for thirty years. She knows which ones come back "
        "in tatters and which stay neat, and that is her whole method. Schools ask her for lists by age; she makes "
        "them one book too short, so that something is left to choose.",
    ),
    "yara": Biography(
        "Leerkracht groep 4 en leesspecialist",
        "Teaches seven-year-olds; reading specialist",
        "Yara geeft les in Rotterdam-Zuid aan kinderen die thuis drie talen horen. Ze zoekt boeken waarin de zinnen "
        "kort zijn en het verhaal niet. Op Instagram laat ze zien wat haar klas hardop aan het lachen kreeg, en wat na "
        "twee bladzijden dichtging.",
        "Yara teaches in the south of Rotterdam, in a class that hears three languages at home. She looks for books in "
        "which the sentences are short and the story isn't. On Instagram she shows what made her class laugh aloud, "
        "and what was shut after two pages.",
    ),
    "lieke": Biography(
        "Presentatrice die liever wandelt",
        "Television presenter who would rather walk",
        "Lieke presenteerde jarenlang een ochtendprogramma en liep daarna in zevenenzestig dagen naar Rome. Sindsdien "
        "maakt ze een podcast over lopen, alleen zijn en slechte koffie onderweg. Merken sturen haar veel; ze noemt "
        "wat ze bij de tweede tocht opnieuw meenam.",
        "Lieke presented a breakfast show for years and then walked to Rome in sixty-seven days. Since then she has "
        "made a podcast about walking, being alone and bad coffee on the way. Brands send her a lot; she names what "
        "she packed again for the second journey.",
    ),
    "tobias": Biography(
        "Tekent uilen, beren en een enkele burgemeester",
        "Draws owls, bears and the occasional mayor",
        "Tobias maakte de prenten van ruim veertig kinderboeken en tekent op zaterdag live op de kinderzender. Hij "
        "praat het liefst over het werk van anderen: waarom een bladzijde leeg is, of waarom de vos nooit lacht. "
        "Boeken van zijn eigen hand beveelt hij niet aan; dat zou te makkelijk zijn.",
        "Tobias made the pictures for more than forty children's books and draws live on children's television on "
        "Saturdays. He would rather talk about the work of others: why a page is empty, or why the fox never smiles. "
        "He recommends no books of his own; that would be too easy.",
    ),
    "gerard": Biography(
        "Gepensioneerd, meet alles na",
        "Retired, and measures everything again",
        "Gerard was meettechnicus en is dat gebleven. Hij weegt rugzakken, klokt waterkokers en noteert het in een "
        "schrift met ruitjes. In het voorjaar stopt hij met koffie op doktersadvies; tot die tijd bespreekt hij elke "
        "koffiemolen die hij te pakken krijgt.",
        "Gerard was a measurement engineer and has remained one. He weighs backpacks, times kettles and writes it down "
        "in a squared notebook. In spring he will give up coffee on his doctor's advice; until then he reviews every "
        "grinder that he can get hold of.",
    ),
    "meilin": Biography(
        "Spaart mooie kopjes en leest voor het slapen",
        "Collects beautiful cups and reads before sleep",
        "Mei Lin richt kleine huizen in en bewaart op Pinterest wat daarin past. Een kop koffie, een stapel "
        "prentenboeken en een lamp: veel meer staat er niet op haar foto's. Ze zegt erbij wat het kostte en waar het "
        "kraste.",
        "Mei Lin furnishes small homes and keeps what fits in them on Pinterest. A cup of coffee, a pile of picture "
        "books and a lamp: there is little more in her photographs. She adds what it cost and where it scratched.",
    ),
    "wesley": Biography(
        "Maakt een browserknop die kortingen zoekt",
        "Makes a browser button that looks for discounts",
        "Wesley bouwde als student een uitbreiding die bij het afrekenen naar kortingscodes zoekt. Tienduizenden "
        "mensen hebben de knop. Hij noemt dat advies; sommige adviseurs noemen het anders.",
        "As a student Wesley built an extension that looks for discount codes at the check-out. Tens of thousands of "
        "people have the button. He calls that advice; some advisers call it something else.",
    ),
    "fenna": Biography(
        "De vriendin die altijd een boek weet",
        "The friend who always knows a book",
        "Fenna staat in vier appgroepen waarin iemand vraagt wat een kind van zes wil hebben. Ze antwoordt binnen het "
        "uur, met een link en de reden. Koopt iemand via haar, dan krijgt zij er iets voor, en dat vertelt ze er "
        "eerlijk bij.",
        "Fenna is in four chat groups where somebody asks what a child of six would like. She answers within the hour, "
        "with a link and the reason. When somebody buys through her she earns something, and she says so.",
    ),
    "daan": Biography(
        "Loopmaat die zijn spullen uitleent",
        "A walking companion who lends out his things",
        "Daan loopt elke derde zondag met een wisselende groep van het ene station naar het andere. Wie iets mist, mag "
        "het van hem lenen en koopt het daarna vaak zelf. Een rekening om op uitbetaald te worden heeft hij nog "
        "steeds niet doorgegeven.",
        "Daan walks from one station to the next every third Sunday, with a group that changes. Whoever lacks "
        "something may borrow it from him, and often buys one afterwards. He still hasn't said where he wants to be "
        "paid.",
    ),
}
