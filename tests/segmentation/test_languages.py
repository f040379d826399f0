"""A short text in each of many languages: right with the language given, sensible without."""

# ruff: noqa: E501 -- a text is easier to judge on one line

import pytest

from stream_aligner_lc.segmentation import Segmenter, segment
from tests.segmentation.helpers import check_exact, cores, pour

# `|` marks the ends. A language that is not given may cost at most the second number of ends.
TEXTS = {
    "en": ("Mr. Bell lives in the U.S.| He pays $5.50, e.g. for tea.| “Why?” she asked.| Look at fig. 3.| Bye!", 0),
    "de": ("Die Fa. Maier zahlt ca. 5 Mio. Euro, z. B. am 3. Mai.| „Gut. Ja.“ sagte sie.| Siehe S. 5 ff. und Abb. 3.| Goethestr. 5 ist es.", 0),
    "de-ordinals": ("Das ist der 1. Platz im 2. Lauf.| Er kam am 3.| Dann ging er.", 2),
    "fr": ("M. Petit part.| « Ça va ? » dit-il.| « Oui. Non. »| Voir p. 5 et l'art. 3.| Et J.-P. Roux ?| Rien…", 0),
    "es": ("La Sra. Gil vive en EE. UU. o en la Av. Sol.| ¿Qué tal?| ¡Bien!| Pág. 5, etc.| Adiós.", 0),
    "it": ("Il dott. Neri e la sig.ra Verdi.| «Ciao.»| Vedi l'art. 5 e pag. 3.| È vero?| Sì!", 0),
    "pt": ("O Sr. Melo mora na Av. Norte, n.º 5.| A Dra. Ana veio.| Ele disse: “Sim.”| Fim.", 0),
    "nl": ("Dhr. Bos en mevr. Vos wonen o.a. hier, bijv. in juni.| Echt?| Ja!| Zie blz. 5.", 0),
    "sv": ("Det är t.ex. bra, dvs. inte dåligt.| Kl. 5 kom han.| Vad?| Ja!| Se s. 12.", 0),
    "da": ("Han kom d. 3. maj, f.eks. til kaffe.| Hr. Dahl, bl.a. her.| Hvad?| Ja!", 0),
    "nb": ("Den 17. mai er fin.| Han kom bl.a. hit.| Hva?| Ja!", 0),
    "fi": ("Hän tuli 3. toukokuuta, esim. junalla.| Prof. Salo puhui.| Mitä?| Joo!", 0),
    "pl": ("Dr Lis mieszka przy ul. Polnej, tj. tutaj.| W XIX w. było inaczej.| Tak?| Nie!| Prof. Nowak śpi.", 0),
    "cs": ("Dne 3. května přišel, např. pozdě.| Ing. Dvořák spí.| Co?| Nic!| Viz str. 5.", 0),
    "cs-rulers": ("Karel IV. Lucemburský byl král.| Karel IV.| Potom zemřel.", 2),
    "sk": ("Dňa 3. mája prišiel.| Napr. Ing. Novák.| Čo?| Nič!", 0),
    "hu": ("Dr. Kis jött, pl. ma.| Hogy van?| Jól!| Stb.", 0),
    "ro": ("Dl. Pop a venit.| Ce faci?| Bine!", 0),
    "tr": ("Dr. Kaya geldi, örn. bugün.| Nasılsın?| İyiyim!| 19. yüzyılda oldu.", 0),
    "ru": ("В 1990 г. он жил на ул. Мира, т. е. тут.| А. П. Чехов — врач.| «Да! Нет?» — спросил он.| См. рис. 5.| Всё.", 0),
    "uk": ("Він живе на вул. Лісовій, напр. тут.| Т. Шевченко писав.| Так?| Ні!", 0),
    "bg": ("Той живее на ул. Шипка, т.нар. център.| Г-н Иванов.| Да?| Не!", 0),
    "el": ("Ο κ. Νίκου ήρθε, π.χ. χθες.| Τι είναι;| Καλά;| Ναι.", 0),
    "ar": ("قال د. سالم: «نعم. لا.»| هل أنت بخير؟| نعم!| السعر 3.5 دولار.", 0),
    "fa": ("سلام.| حال شما چطور است؟| خوبم!| قیمت ۳.۵ است.", 0),
    "ur": ("یہ کتاب ہے۔| کیا؟| ہاں!", 0),
    "he": ("שלום.| מה קורה?| פרופ' לוי בא.| 3.5 שקל.| סוף!", 0),
    "hi": ("राम आया।| क्या हुआ?| डॉ. वर्मा और श्री. दास आए।| यह ठीक है.| वह गया।", 0),
    "bn": ("আমি ভালো।| কেমন আছ?| ডা. রায় এলেন।", 0),
    "ta": ("வணக்கம்.| எப்படி?| நன்றி!", 0),
    "zh": ("他说：“你好。我走了。”然后走了。|“好。”|“不好。”价格是3.5元。|真的吗?|我想……算了。|**好。**", 0),
    "ja": ("「はい。」と言った。|「今日。明日。」彼は笑った。|えっ！？|３．５です。|すごい！", 0),
    "ko": ("네.| 저는 갑니다!| 3.5점이에요.| 정말?", 0),
    "th": ("สวัสดีครับ ผมชื่อสมชาย|\nไปไหม?| ดร. สมชาย มา", 0),
    "lo": ("ສະບາຍດີ|\nເຈົ້າຊື່ຫຍັງ?| ດີ", 0),
    "hy": ("Բարեւ ձեզ։| Ինչպե՞ս եք։| Լավ եմ:| Այո։", 0),
    "am": ("ሰላም ነው።| እንዴት ነህ?| ደህና።", 0),
    "km": ("សួស្តី។| សុខសប្បាយទេ?| បាទ។", 0),
    "my": ("မင်္ဂလာပါ။| နေကောင်းလား။| ကောင်းပါတယ်။", 0),
    "bo": ("བཀྲ་ཤིས་བདེ་ལེགས།| ཁྱེད་རང་། །", 0),
    "ka": ("გამარჯობა.| როგორ ხარ?| კარგად.", 0),
    "vi": ("TS. Minh sống ở TP. Huế.| Bạn khỏe không?| Tôi khỏe!", 2),
    "id": ("Dr. Budi datang ke Jl. Melati No. 5.| Apa kabar?| Baik!", 0),
}  # fmt: skip


def language(name: str) -> str:
    return name.partition("-")[0]


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_in_its_language_is_cut_at_its_sentences(name: str):
    marked, _ = TEXTS[name]
    text = marked.replace("|", "")
    segments = segment(text, language(name))
    check_exact(text, segments)
    assert cores(segments) == [part.strip() for part in marked.split("|")]
    assert pour(Segmenter(language(name)), text) == segments


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_in_an_unknown_language_is_cut_almost_as_well(name: str):
    marked, most = TEXTS[name]
    text = marked.replace("|", "")
    want = {part.strip() for part in marked.split("|")}
    got = cores(segment(text))
    assert len(set(got) - want) <= 2 * most, got


def test_twenty_languages_and_more_are_tried():
    assert len({language(name) for name in TEXTS}) >= 40
