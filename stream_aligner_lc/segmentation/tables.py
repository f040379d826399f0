"""What the languages abbreviate, by what may follow the dot.

An abbreviation is listed without its last dot. In small letters it holds for capitals as well; with a capital
it holds only for itself, because the same word in small letters is an ordinary one. Every line starts with
the language it is for. The shared tables hold for all texts, as long as texts mix languages and callers do
not name them; what would be wrong in another language stands in the table of the languages' own.
"""

from enum import Enum, auto


class Abbreviation(Enum):
    """What may follow the dot of an abbreviation if the sentence ends there."""

    INSIDE = auto()  # nothing: a name or the rest of the phrase always follows
    NUMBER = auto()  # anything but a number
    BEFORE_STARTER = auto()  # a word that often starts sentences
    FREE = auto()  # any capital


Table = dict[str, Abbreviation]

# Titles, and what points forward.
_INSIDE = """
en: dr drs mr mrs Ms mx prof profs Assoc Rev Revd Fr Msgr Hon ste Mt messrs Gen Col lt capt cpt cmdr sgt cpl
en: maj brig Adm supt Insp Gov Pres Sen Rep Reps pvt Ald Amb e.g i.e eg ie cf viz vs approx ca resp incl
en: excl esp a.k.a aka w.r.t i.a
de: Fa hrn frl dipl ing jur phil habil rer bzw bspw zzgl ggf evtl vgl sog insb insbes z.b d.h u.a o.ä i.d.r
de: u.u z.t m.e s.o s.u v.a o.g i.s z.hd stellv einschl ausschl gegr geb verh h.c med
fr: mme mmes mlle mlles mgr boul av c.-à-d p.ex càd
es: sra srta sres sras dña lic excmo excma ilmo avda pág págs p.ej ej núm aprox izq dcha dpto
it: sig sigg sig.ra sig.na dott dott.ssa egr prof.ssa avv spett p.es ecc.mo
pt: exmo exma ilma Eng engª dra profa
nl: dhr mevr Ir bijv d.w.z o.a m.a.w i.p.v t.a.v evt t.o.v i.v.m
sv: t.ex bl.a d.v.s dvs fr.o.m t.o.m f.d m.fl.a
da/nb: f.eks hhv mht ift jf
fi: esim ks mm.muassa
pl: ul ks abp inż mgr hab np m.in tzn tzw tj jw wg płk ppłk kpt św
cs/sk: mudr judr phdr rndr tzv např napr mj popř příp resp
hu/ro/sl/hr: özv ún dl d-l d-na npr odn nar
tr: yrd doç sn bkz örn öğr müh
id: jl yth
ru: т.е т.к т.н ул пр пер пл г-н г-жа проф акад доц инж гос напр просп бул наб д-р обл р-н см
uk/bg: вул просп пров т.нар акад
el: κ κα κος δρ καθ π.χ δηλ βλ αρ οδ
he: פרופ מס לדוג
ar: د أ م ص هـ ت
hi: डॉ डा श्री श्रीमती प्रो पं सं रु कु सर्वश्री ए पी जे एम बी सी डी
bn/ta: ডা ড মো প্রফে திரு
th: ดร ศ รศ ผศ นพ พญ พ.ศ ค.ศ จ อ ต ถ น
"""

# What a number follows as part of the phrase.
_NUMBER = """
en: no nos nr nrs num n nos fig figs tab tbl p pp vol vols secs ch chap eq eqs art arts ref refs par para pt
en: pts ver v ex app eds col cols bk l ll pl def thm lem prop cor rem alg lvl ext apt rm mon tue tues wed thu
en: thur thurs fri tel est hr hrs min mins sec secs ft lb lbs oz
de: abb abs bd hg kap s ss zf anm nrn lfd
fr/es/it/pt: pag pagg tav cap artt tom núm nº n.º n°
nl: blz hfst afb
sv/da/nb: sid kap kl
pl/cs/sk: str poz rys rozdz ust zob č čís obr odst
ru/uk/bg: д стр рис табл гл т п пп ст кв корп см ок тел буд с фиг чл
el: σελ εικ πίν αριθ άρθ παρ
tr: sayf cilt
"""

# What ends a sentence if a new one clearly starts.
_BEFORE_STARTER = """
en: inc co corp ltd llc plc bros dept univ assn ave blvd rd hwy jr sr st esq al a.m p.m u.s u.s.a u.k u.n
en: e.u d.c ph.d m.d b.a m.a b.sc m.sc llp jan feb Mar apr jun jul aug sep sept oct nov dec ibid b.c a.d
en: b.c.e c.e n.b p.s
de: hr gmbh mio mrd tsd n.chr v.chr z.zt co.kg
fr/es/it/pt: cie éd s.a s.l s.r.l ee.uu a.c d.c cía uds vds s.p.a ltda cia
nl/sv/da/nb/fi: n.v b.v e.a a.s a/s
pl/cs: godz mln mld
ru/uk/bg: г гг в вв руб коп тыс млн млрд м н.э грн тис лв хил
el: μ.χ μ.μ
tr: m.ö m.s a.ş şti
"""

# What ends a sentence before any capital, although it looks like one of the above.
_FREE = """
en/de/nl: etc etcetera usw u.s.w usf uvm u.v.m enz
it/sv/da/nb/fi: ecc osv m.m m.fl ym jne
pl/cs/hu/tr: ios itd itp apod atd atp stb vb vs.b vd
ru/uk/bg: т.д т.п др і.т.д и.т.д и.т.п тощо
el/ar/hi: κ.λπ κλπ κ.ά κ.τ.λ وغيره इत्यादि आदि
"""

# Ordinary words or names in other languages.
_OWN = """
de INSIDE: bes so.g od im max nat gem d
de NUMBER: tab ziff rn
de BEFORE_STARTER: st jh jhd jahrh mind art so do ag
fr INSIDE: m mm st ste me
fr NUMBER: env
es INSIDE: d da ed s
es BEFORE_STARTER: ap
it INSIDE: on art es rag geom ing arch
pt INSIDE: d sto sta ex séc
nl INSIDE: st ds o.l max min ir ing mw
nl BEFORE_STARTER: jl
sv INSIDE: st s.k ev
sv BEFORE_STARTER: mån
da INSIDE: fx bl a bla chr
da BEFORE_STARTER: pct
fi INSIDE: em ent ns nk
fi NUMBER: puh klo
pl INSIDE: bł o ob pn im al os pl gen dot por bp
cs INSIDE: sv tr čp čl kol doc
sk INSIDE: sv čl
hu INSIDE: pl vö ifj id ill kb
ro INSIDE: str bd conf dna
tr INSIDE: hz av cad sok
tr FREE: sen
ru INSIDE: о им г св гр
ru NUMBER: с о
uk INSIDE: м о св ім
bg INSIDE: с о св гр
vi INSIDE: PGS.TS GS.TS TS TP Tp ThS PGS GS BS KS Q P
id INSIDE: hlm
"""

# Languages that write a dot after ordinal numbers, and those of them that write all nouns with capitals.
_ORDINALS = "de lb da nb nn no fi et hu cs sk pl sl hr sr bs mk lv lt is fo eu tr dsb hsb ko"
ORDINALS = frozenset(_ORDINALS.split())
CAPITAL_NOUNS = frozenset({"de", "lb"})

# Names whose exclamation mark ends no sentence by itself.
EXCLAIMING_NAMES = frozenset({"yahoo", "jeopardy"})


def _shared() -> Table:
    table: Table = {}
    for lines, kind in (
        (_NUMBER, Abbreviation.NUMBER),
        (_BEFORE_STARTER, Abbreviation.BEFORE_STARTER),
        (_FREE, Abbreviation.FREE),
        (_INSIDE, Abbreviation.INSIDE),
    ):
        for line in lines.strip().splitlines():
            table.update(dict.fromkeys(line.split()[1:], kind))
    return table


def _own() -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for line in _OWN.strip().splitlines():
        lang, kind, *words = line.split()
        tables.setdefault(lang, {}).update(dict.fromkeys(words, Abbreviation[kind.rstrip(":")]))
    return tables


SHARED = _shared()
OWN = _own()
