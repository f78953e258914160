"""The months' names in the languages that outlets write in, for dates that people read.

A language is twelve places with its forms in them, parted by strokes: the case that dates stand in first, then how lists
and short dates have it. Where two languages mean different months by one word, it stands here once: Croatian's
*listopad* (October) is Polish, Czech and Ukrainian for November, see `mirror.extract.moments`.
"""

# ruff: noqa: E501 - a language a line

from __future__ import annotations

import re
import unicodedata
from functools import cache

_NAMES = {
    "af": "januarie februarie maart april mei junie julie augustus september oktober november desember",
    "am": "ጃንዩወሪ ፌብሩወሪ ማርች ኤፕሪል ሜይ ጁን ጁላይ ኦገስት ሴፕቴምበር ኦክቶበር ኖቬምበር ዲሴምበር",
    "ar": "يناير فبراير مارس أبريل|إبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "ar, Maghreb": "جانفي فيفري مارس أفريل ماي جوان جويلية أوت|غشت سبتمبر|شتنبر أكتوبر نوفمبر|نونبر ديسمبر|دجنبر",
    "ar, Levant": "_ شباط آذار نيسان أيار حزيران تموز|يوليوز آب أيلول _ _ _",
    "az": "yanvar|yan fevral|fev mart|mar aprel|apr may|may iyun|iyn iyul|iyl avqust|avq sentyabr|sen oktyabr|okt noyabr|noy dekabr|dek",
    "be": "студзеня|студзень лютага|люты сакавіка|сакавік красавіка|красавік траўня|травень чэрвеня|чэрвень ліпеня|ліпень жніўня|жнівень верасня|верасень кастрычніка|кастрычнік лістапада|лістапад снежня|снежань",
    "bg": "януари|яну февруари|фев март|мар април|апр май юни юли август|авг септември|сеп октомври|окт ноември|ное декември|дек",
    "bn": "জানুয়ারি|জানুয়ারী ফেব্রুয়ারি|ফেব্রুয়ারী মার্চ এপ্রিল মে জুন জুলাই আগস্ট|অগস্ট সেপ্টেম্বর অক্টোবর নভেম্বর ডিসেম্বর",
    "ca": "gener|gen febrer|febr març abril|abr maig juny juliol|jul agost|ag setembre|set octubre|oct novembre|nov desembre|des",
    "cs": "ledna|leden|led února|únor|úno března|březen|bře dubna|duben|dub května|květen|kvě června|červen|čvn července|červenec|čvc srpna|srpen|srp září|zář října|říjen|říj listopadu|listopad prosince|prosinec|pro",
    "cy": "ionawr chwefror mawrth ebrill mai mehefin gorffennaf awst medi hydref tachwedd rhagfyr",
    "da": "januar|jan februar|febr marts april maj juni juli august|aug september|sep oktober|okt november|nov december|dec",
    "de": "januar|jan|jänner|jän februar|feber|feb märz|maerz|mär|mrz april|apr mai juni|jun juli|jul august|aug september|sept|sep oktober|okt november|nov dezember|dez",
    "el": "ιανουαρίου|ιανουάριος|ιαν φεβρουαρίου|φεβρουάριος|φεβ μαρτίου|μάρτιος|μαρ|μαρτ απριλίου|απρίλιος|απρ μαΐου|μάιος|μάη|μαΐ ιουνίου|ιούνιος|ιουν ιουλίου|ιούλιος|ιουλ αυγούστου|αύγουστος|αυγ σεπτεμβρίου|σεπτέμβριος|σεπ|σεπτ οκτωβρίου|οκτώβριος|οκτ νοεμβρίου|νοέμβριος|νοε|νοεμ δεκεμβρίου|δεκέμβριος|δεκ",
    "en": "january|jan february|feb march|mar april|apr may june|jun july|jul august|aug september|sept|sep october|oct november|nov december|dec",
    "es": "enero|ene febrero|feb marzo|mar abril|abr mayo|may junio|jun julio|jul agosto|ago septiembre|setiembre|sept|set octubre|oct noviembre|nov diciembre|dic",
    "et": "jaanuar|jaan veebruar|veebr märts aprill|apr mai juuni juuli august|aug september|sept oktoober|okt november|nov detsember|dets",
    "eu": "urtarrilaren|urtarrila otsailaren|otsaila martxoaren|martxoa apirilaren|apirila maiatzaren|maiatza ekainaren|ekaina uztailaren|uztaila abuztuaren|abuztua irailaren|iraila urriaren|urria azaroaren|azaroa abenduaren|abendua",
    "fa": "ژانویه فوریه مارس آوریل|اپریل مه|می ژوئن|جون ژوئیه|جولای اوت|اوگست|آگست|آگوست سپتامبر|سپتمبر اکتبر|اکتوبر نوامبر|نومبر دسامبر|دسمبر",
    "fi": "tammikuuta|tammikuu|tammi helmikuuta|helmikuu|helmi maaliskuuta|maaliskuu|maalis huhtikuuta|huhtikuu|huhti toukokuuta|toukokuu|touko kesäkuuta|kesäkuu|kesä heinäkuuta|heinäkuu|heinä elokuuta|elokuu|elo syyskuuta|syyskuu|syys lokakuuta|lokakuu|loka marraskuuta|marraskuu|marras joulukuuta|joulukuu|joulu",
    "fr": "janvier|janv|jan février|févr|fév mars avril|avr mai juin juillet|juil août septembre|sept octobre|oct novembre|nov décembre|déc",
    "gl": "xaneiro|xan febreiro|feb marzo|mar abril|abr maio xuño|xuñ xullo|xul agosto|ago setembro|set outubro|out novembro|nov decembro|dec",
    "gu": "જાન્યુઆરી ફેબ્રુઆરી માર્ચ એપ્રિલ મે જૂન જુલાઈ ઑગસ્ટ|ઓગસ્ટ સપ્ટેમ્બર ઑક્ટોબર|ઓક્ટોબર નવેમ્બર ડિસેમ્બર",
    "ha": "janairu faburairu maris afrilu mayu yuni yuli agusta satumba oktoba nuwamba disamba",
    "he": "ינואר פברואר מרץ|מרס אפריל מאי יוני יולי אוגוסט ספטמבר אוקטובר נובמבר דצמבר",
    "hi": "जनवरी फरवरी|फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर|सितम्बर अक्टूबर|अक्तूबर नवंबर|नवम्बर दिसंबर|दिसम्बर",
    "hr": "siječnja|siječanj veljače|veljača ožujka|ožujak travnja|travanj svibnja|svibanj lipnja|lipanj srpnja|srpanj kolovoza|kolovoz rujna|rujan _ studenoga|studenog|studeni prosinca|prosinac",
    "hu": "január|jan február|febr március|márc április|ápr május|máj június|jún július|júl augusztus|aug szeptember|szept október|okt november|nov december|dec",
    "hy": "հունվարի|հունվար փետրվարի|փետրվար մարտի|մարտ ապրիլի|ապրիլ մայիսի|մայիս հունիսի|հունիս հուլիսի|հուլիս օգոստոսի|օգոստոս սեպտեմբերի|սեպտեմբեր հոկտեմբերի|հոկտեմբեր նոյեմբերի|նոյեմբեր դեկտեմբերի|դեկտեմբեր",
    "id": "januari|jan februari|feb maret|mar april|apr mei juni|jun juli|jul agustus|agu|agt september|sep oktober|okt november|nov desember|des",
    "is": "janúar|jan febrúar|feb mars apríl maí júní júlí ágúst september október nóvember desember",
    "it": "gennaio|gen febbraio|febb|feb marzo|mar aprile|apr maggio|mag giugno|giu luglio|lug agosto|ago settembre|sett|set ottobre|ott novembre|nov dicembre|dic",
    "ka": "იანვარი|იან თებერვალი|თებ მარტი|მარ აპრილი|აპრ მაისი|მაი ივნისი|ივნ ივლისი|ივლ აგვისტო|აგვ სექტემბერი|სექ ოქტომბერი|ოქტ ნოემბერი|ნოე დეკემბერი|დეკ",
    "kk": "қаңтар ақпан наурыз сәуір мамыр маусым шілде тамыз қыркүйек қазан қараша желтоқсан",
    "km": "មករា កុម្ភៈ មីនា មេសា ឧសភា មិថុនា កក្កដា សីហា កញ្ញា តុលា វិច្ឆិកា ធ្នូ",
    "kn": "ಜನವರಿ ಫೆಬ್ರವರಿ ಮಾರ್ಚ್ ಏಪ್ರಿಲ್ ಮೇ ಜೂನ್ ಜುಲೈ ಆಗಸ್ಟ್ ಸೆಪ್ಟೆಂಬರ್ ಅಕ್ಟೋಬರ್ ನವೆಂಬರ್ ಡಿಸೆಂಬರ್",
    "ku": "çile|rêbendan sibat|reşemî adar nîsan|avrêl gulan hezîran|pûşper tîrmeh tebax|gelawêj îlon|rezber cotmeh mijdar|sermawez kanûn|berfanbar",
    "ckb": "_ شوبات|شوباتی ئازار|ئازاری|ئادار|ئاداری نیسان|نیسانی ئایار|ئایاری حوزەیران|حوزەیرانی تەمموز|تەمموزی ئاب|ئابی ئەیلوول|ئەیلوولی _ _ _",
    "lo": "ມັງກອນ ກຸມພາ ມີນາ ເມສາ ພຶດສະພາ ມິຖຸນາ ກໍລະກົດ ສິງຫາ ກັນຍາ ຕຸລາ ພະຈິກ ທັນວາ",
    "lt": "sausio|sausis vasario|vasaris kovo|kovas balandžio|balandis gegužės|gegužė birželio|birželis liepos|liepa rugpjūčio|rugpjūtis rugsėjo|rugsėjis spalio|spalis lapkričio|lapkritis gruodžio|gruodis",
    "lv": "janvārī|janvāris|janvāra|janv februārī|februāris|februāra|febr martā|marts|marta aprīlī|aprīlis|aprīļa maijā|maijs|maija jūnijā|jūnijs|jūnija|jūn jūlijā|jūlijs|jūlija|jūl augustā|augusts|augusta septembrī|septembris|septembra oktobrī|oktobris|oktobra novembrī|novembris|novembra decembrī|decembris|decembra",
    "mk": "јануари|јан февруари|фев март|мар април|апр мај јуни|јун јули|јул август|авг септември|сеп октомври|окт ноември|ное декември|дек",
    "ml": "ജനുവരി ഫെബ്രുവരി മാർച്ച് ഏപ്രിൽ മേയ്|മെയ് ജൂൺ ജൂലൈ ഓഗസ്റ്റ്|ആഗസ്റ്റ് സെപ്റ്റംബർ|സെപ്തംബർ ഒക്ടോബർ നവംബർ ഡിസംബർ",
    "mr": "जानेवारी फेब्रुवारी मार्च एप्रिल मे जून जुलै ऑगस्ट सप्टेंबर ऑक्टोबर नोव्हेंबर डिसेंबर",
    "ms": "januari|jan februari|feb mac april mei jun julai|jul ogos september|sept oktober november disember|dis",
    "my": "ဇန်နဝါရီ ဖေဖော်ဝါရီ မတ် ဧပြီ မေ ဇွန် ဇူလိုင် ဩဂုတ်|သြဂုတ် စက်တင်ဘာ အောက်တိုဘာ နိုဝင်ဘာ ဒီဇင်ဘာ",
    "ne": "जनवरी फेब्रुअरी मार्च अप्रिल मे जुन जुलाई अगस्ट|अगष्ट सेप्टेम्बर अक्टोबर नोभेम्बर डिसेम्बर",
    "nl": "januari|jan februari|feb maart|mrt april|apr mei juni|jun juli|jul augustus|aug september|sep oktober|okt november|nov december|dec",
    "no": "januar|jan februar|feb mars april mai juni juli august|aug september|sep oktober|okt november|nov desember|des",
    "pa": "ਜਨਵਰੀ ਫਰਵਰੀ|ਫ਼ਰਵਰੀ ਮਾਰਚ ਅਪ੍ਰੈਲ ਮਈ ਜੂਨ ਜੁਲਾਈ ਅਗਸਤ ਸਤੰਬਰ ਅਕਤੂਬਰ ਨਵੰਬਰ ਦਸੰਬਰ",
    "pl": "stycznia|styczeń|sty lutego|luty|lut marca|marzec|mar kwietnia|kwiecień|kwi maja|maj czerwca|czerwiec|cze lipca|lipiec|lip sierpnia|sierpień|sie września|wrzesień|wrz października|październik|paź listopada|lis grudnia|grudzień|gru",
    "ps": "جنوري فبروري مارچ اپریل مۍ|مې جون جولای|جولائي اګست سپټمبر|سېپټمبر اکتوبر نومبر|نوومبر دسمبر|ډسمبر|ډيسمبر",
    "pt": "janeiro|jan fevereiro|fev março|mar abril|abr maio|mai junho|jun julho|jul agosto|ago setembro|set outubro|out novembro|nov dezembro|dez",
    "ro": "ianuarie|ian februarie|feb martie|mart|mar aprilie|apr mai iunie|iun iulie|iul august|aug septembrie|sept octombrie|oct noiembrie|noi decembrie|dec",
    "ru": "января|январь|янв февраля|февраль|фев|февр марта|март|мар апреля|апрель|апр мая|май июня|июнь|июн июля|июль|июл августа|август|авг сентября|сентябрь|сен|сент октября|октябрь|окт ноября|ноябрь|ноя|нояб декабря|декабрь|дек",
    "si": "ජනවාරි පෙබරවාරි මාර්තු අප්රේල් මැයි ජූනි ජූලි අගෝස්තු සැප්තැම්බර් ඔක්තෝබර් නොවැම්බර් දෙසැම්බර්",
    "sk": "januára|január februára|február marca|marec apríla|apríl mája|máj júna|jún júla|júl augusta|august septembra|september októbra|október novembra|november decembra|december",
    "sl": "januarja|januar februarja|februar marca|marec aprila|april maja|maj junija|junij julija|julij avgusta|avgust|avg septembra|september oktobra|oktober novembra|november decembra|december",
    "so": "janaayo|jannaayo|janweri febraayo|feberweri maarso|maarj abriil maajo|mey juun|juunyo luulyo|luuliyo agoosto sebtembar|sebteembar oktoobar nofembar|nofeembar disembar|diseembar",
    "sq": "janar|jan shkurt|shk mars prill|pri maj qershor|qer korrik|korr gusht|gush shtator|sht tetor|tet nëntor|nën dhjetor|dhj",
    "sr": "januara|januar|jan februara|februar|feb marta|mart aprila|april maja|maj juna|jun jula|jul avgusta|avgust|avg septembra|septembar|sept oktobra|oktobar|okt novembra|novembar|nov decembra|decembar|dec",
    "sr, Cyrillic": "јануара|јануар|јан фебруара|фебруар|феб марта|март априла|април маја|мај јуна|јун јула|јул августа|август|авг септембра|септембар|септ октобра|октобар|окт новембра|новембар|нов децембра|децембар|дец",
    "sv": "januari|jan februari|febr mars april maj juni juli augusti|aug september|sept oktober|okt november|nov december|dec",
    "sw": "januari februari machi aprili mei juni julai agosti septemba oktoba novemba desemba",
    "ta": "ஜனவரி பிப்ரவரி மார்ச்|மார்ச ஏப்ரல் மே ஜூன் ஜூலை ஆகஸ்ட்|ஆகஸ்டு செப்டம்பர்|செப்டெம்பர் அக்டோபர்|ஒக்டோபர் நவம்பர் டிசம்பர்|டிசெம்பர்",
    "te": "జనవరి ఫిబ్రవరి మార్చి|మార్చ్ ఏప్రిల్ మే జూన్ జూలై|జులై ఆగస్టు|ఆగస్ట్ సెప్టెంబర్|సెప్టెంబరు అక్టోబర్|అక్టోబరు నవంబర్|నవంబరు డిసెంబర్|డిసెంబరు",
    "tg": "январи|январ феврали|феврал марти|март апрели|апрел майи|май июни|июн июли|июл августи|август сентябри|сентябр октябри|октябр ноябри|ноябр декабри|декабр",
    "th": "มกราคม|ม.ค. กุมภาพันธ์|ก.พ. มีนาคม|มี.ค. เมษายน|เม.ย. พฤษภาคม|พ.ค. มิถุนายน|มิ.ย. กรกฎาคม|ก.ค. สิงหาคม|ส.ค. กันยายน|ก.ย. ตุลาคม|ต.ค. พฤศจิกายน|พ.ย. ธันวาคม|ธ.ค.",
    "tk": "ýanwar fewral mart aprel maý iýun iýul awgust sentýabr oktýabr noýabr dekabr",
    "tl": "enero pebrero marso abril mayo hunyo hulyo agosto setyembre oktubre nobyembre disyembre",
    "tr": "ocak|oca şubat|şub mart|mar nisan|nis mayıs|may haziran|haz temmuz|tem ağustos|ağu eylül|eyl ekim|eki kasım|kas aralık|ara",
    "tt": "гыйнвар февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь",
    "ug": "يانۋار فېۋرال مارت ئاپرېل ماي ئىيۇن ئىيۇل ئاۋغۇست سېنتەبىر ئۆكتەبىر نويابىر دېكابىر",
    "uk": "січня|січень|січ лютого|лютий|лют березня|березень|бер квітня|квітень|квіт|кві травня|травень|трав|тра червня|червень|черв|чер липня|липень|лип серпня|серпень|серп|сер вересня|вересень|вер жовтня|жовтень|жовт|жов листопада|листопад|лист|лис грудня|грудень|груд|гру",
    "ur": "جنوری فروری مارچ اپریل مئی جون جولائی اگست ستمبر اکتوبر نومبر دسمبر",
    "uz": "yanvar fevral mart aprel may iyun iyul avgust sentabr|sentyabr oktabr|oktyabr noyabr dekabr",
}
# Those of two words, and numbers of them: the Levant's.
_OF_TWO_WORDS = {
    "كانون الثاني": 1,
    "تشرين الأول": 10,
    "تشرين الثاني": 11,
    "كانون الأول": 12,
}
# The Persian solar calendar, in Iran and in Afghanistan (Dari and Pashto).
_PERSIAN = {
    "fa": "فروردین اردیبهشت خرداد تیر مرداد|امرداد شهریور مهر آبان آذر دی بهمن اسفند",
    "prs": "حمل ثور جوزا سرطان اسد سنبله میزان عقرب قوس جدی دلو حوت",
    "ps": "وری غویی غبرګولی چنګاښ زمری وږی تله لړم لیندۍ مرغومی سلواغه کب",
}


def month(name: str) -> int | None:
    """The number of the month that goes by this name, in whatever case and with or without its accents."""
    return _months().get(_plain(name)) or _months().get(_plain(name.split(maxsplit=1)[0]))


def persian_month(name: str) -> int | None:
    """The same in the Persian calendar."""
    return _persian_months().get(_plain(name))


@cache
def _months() -> dict[str, int]:
    known = _table(_NAMES)
    known.update((f"ב{name}", number) for name, number in _table({"he": _NAMES["he"]}).items())  # "in March"
    known.update((f"ខែ{name}", number) for name, number in _table({"km": _NAMES["km"]}).items())  # "month of March"
    known.update((_plain(name), number) for name, number in _OF_TWO_WORDS.items())
    return known


@cache
def _persian_months() -> dict[str, int]:
    return _table(_PERSIAN)


def _table(names: dict[str, str]) -> dict[str, int]:
    return {
        _plain(form): number
        for places in names.values()
        for number, forms in enumerate(places.split(), 1)
        for form in forms.split("|")
        if form != "_"
    }


def _plain(name: str) -> str:
    """Small letters without accents, and those of Arabic script that Arabs and Persians write differently as one."""
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", name.casefold()))
    return bare.translate(_SAME)


_ACCENTS = re.compile("[\u0300-\u036f\u0653-\u0655]")
_SAME = str.maketrans("یىکۍې\u0131", "ييكييi")
