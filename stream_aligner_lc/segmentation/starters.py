"""Words that say something about the dot before them: what starts sentences, what numbers count.

Every line starts with the language it is for; that is for the reader, the words hold in every text.
"""

from typing import NamedTuple

_STARTERS = """
en: the a an this that these those there here it its he his she her they their we our you your i my who what
en: when where why how which if in on at by for from with without to of as and but or so yet nor no not yes
en: then thus hence therefore however moreover also although because since while after before until once now
en: today yesterday tomorrow later next first second third finally meanwhile instead perhaps maybe some many
en: most all both each every everything everyone everybody nothing nobody none another other others one two
en: three several few let please do does did don doesn didn is are was were isn aren wasn weren can could
en: would should will shall may might must has have had even still just only such under over between during
en: despite according additionally furthermore consequently overall see note ask use try bye thanks
de: der die das den dem des ein eine einen einem einer es er sie wir ihr ich man und aber oder doch wenn als
de: wie was wer wo warum dann danach damals dort hier heute gestern morgen im am zum zur bei mit von nach
de: seit vor auf aus für über unter dies diese dieser dieses sein seine ihre kein keine nicht nur auch so
de: dabei daher deshalb trotzdem jedoch
fr: le la les l un une des il elle ils elles on nous vous je tu ce cette ces c et mais ou donc puis ensuite
fr: alors après avant dans sur pour par avec sans en au aux qui que quand où comment pourquoi si son sa ses
fr: leur leurs notre
es: el los las una unos unas lo él ella ellos ellas yo tú usted nosotros y pero o entonces luego después
es: antes en con sin por para de del cuando donde como si su sus este esta esto ese esa eso también además
it: il lo gli i un uno una egli lei lui loro noi voi io e ed ma poi allora dopo prima nel nella con senza
it: per da di del della quando dove come se suo sua questo questa quello quella anche inoltre non
pt: o a os as um uma ele ela eles elas eu nós você e mas então depois antes em no na nos nas com sem por
pt: para do da quando onde como se seu sua este esta isso também além não
nl: het een de hij zij ze wij we jij je ik u dit dat deze die en maar of dan daarna toen in op met zonder
nl: voor na van bij als waar hoe wat wie waarom er ook niet
sv: en ett den det de han hon vi ni jag och men eller så sedan därefter då i på med utan för efter före av
sv: om när var hur vad vem detta denna dessa
da/nb: det der han hun vi jeg og men eller så derefter da på med uten uden for etter efter før
fi: hän he me te minä sinä se ne ja mutta tai sitten kun jos missä miten mitä tämä tuo nämä
pl: on ona oni one my wy ja ty to ten ta te i a ale lub potem następnie wtedy w we na z ze bez dla po przed
pl: gdy kiedy gdzie jak co kto czy jeśli jego jej ich nie
cs: ten ta to on ona my vy já a ale nebo potom pak v na s bez pro po před když kde jak co kdo jestli není
ru: он она оно они мы вы я ты это этот эта эти тот та те и а но или потом затем тогда в во на с со без для
ru: по перед после когда где как что кто если его её их не там здесь так также однако поэтому все всё
uk: він вона воно вони ми ви я ти це цей ця ці та і й але або потім тоді у в на з із без для після коли де
uk: як що хто якщо не там тут так також однак тому
bg: той тя то те ние вие аз ти това този тази тези и но или после тогава в във на с със без за след преди
bg: когато къде как какво кой ако не там тук също
el: ο η το οι τα ένας μία ένα αυτός αυτή αυτό εγώ εσύ εμείς εσείς και αλλά ή μετά τότε στο στη στον στην με
el: χωρίς για από όταν πού πώς τι ποιος αν δεν
tr: bir bu şu o onlar biz siz ben sen ve ama fakat veya sonra
"""

# What follows ordinal numbers: months, and what only numbers tell apart.
_COUNTED = """
de: jahrhundert jahrhunderts weltkrieg weltkriegs fc bundesliga januar jänner februar märz april mai juni
de: juli august september oktober november dezember jan feb mär apr jun jul aug sep sept okt nov dez
da/nb: januar februar marts mars maj mai oktober desember december
pl: stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia
cs: ledna února března dubna května června července srpna září října listopadu prosince
"""

# What one letter tells apart, as in "plan B": there it ends the sentence like any other word.
_LABELS = """
en: plan option group type class grade part step section figure table point team hepatitis vitamin model
en: appendix phase level route exhibit category answer choice version schedule case column row line side
en: scenario variant variable node vertex set matrix series factor block zone gate terminal room unit module
en: stage company player person agent
de: gruppe typ klasse teil schritt punkt modell stufe variante
fr: groupe classe partie étape point vitamine annexe
es/pt/it: grupo tipo clase parte paso punto vitamina gruppo classe passo allegato categoria
ru: категория группа тип план класс
"""

# Abbreviations behind which a letter counts like a number.
_LETTERED = "fig figs tab tbl eq eqs ex app ch vol pt art abb bd kap ref refs"

# Words that are parts or beginnings of names as well, so that they say nothing behind an initial.
_NAMELIKE = "may will an in he so do la le de der die den des van von das no on el al da di del"


class Words(NamedTuple):
    """Words, and what they begin with, so that a word can be ruled out before it has arrived."""

    words: frozenset[str]
    beginnings: frozenset[str]


def _words(lines: str) -> frozenset[str]:
    return frozenset(word for line in lines.strip().splitlines() for word in line.split()[1:])


def _with_beginnings(words: frozenset[str]) -> Words:
    return Words(words, frozenset(word[:end] for word in words for end in range(1, len(word) + 1)))


STARTERS = _with_beginnings(_words(_STARTERS))
COUNTED = _with_beginnings(_words(_COUNTED))
LABELS = _words(_LABELS)
LETTERED = frozenset(_LETTERED.split())
NAMELIKE = frozenset(_NAMELIKE.split())
