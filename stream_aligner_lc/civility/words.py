"""The words that sentences are made of, those for training apart from those held out. Plain Python, no I/O.

No word that is held out occurs in anything drawn for training: what a model makes of it there, it makes of a word that
it never saw. Made-up words, drawn among the real ones, teach it to copy letter by letter. Curses and rude phrases have
no such half: often nothing else tells that a sentence is rude.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache
from string import ascii_lowercase
from typing import NamedTuple


class Words(NamedTuple):
    """Words of one kind; no word is in both halves."""

    training: tuple[str, ...]
    held_out: tuple[str, ...]

    def half(self, *, held_out: bool) -> tuple[str, ...]:
        """Return the words that are held out, or those that are not; those where none is held out."""
        return self.held_out if held_out and self.held_out else self.training


def _words(training: str, held_out: str = "") -> Words:
    return Words(*(tuple(" ".join(half.split()).split(", ")) if half else () for half in (training, held_out)))


_THINGS = _words(
    """anchor, apron, armchair, basket, battery, bell, belt, bench, bicycle, blanket, boat, book, bottle, bowl,
    box, bracelet, brush, bucket, button, cable, cage, camera, candle, card, carpet, chain, chair, chest, clock,
    coat, coin, comb, cup, curtain, cushion, desk, diary, doll, door, drawer, drum, engine, envelope, fan, flag,
    flute, folder, fork, frame, glove, guitar, hammer, hat, helmet, hook, invoice, iron, jacket, jar, jug,
    kettle, key, keyboard, knife, ladder, lamp, lens, letter, lock, magnet, map, mask, medal, microphone,
    mirror, mop, mug, needle, notebook, oven, painting, pan, parcel, pencil, phone, photo, piano, pillow, pipe,
    plate, postcard, printer, pump, puzzle, radio, receipt, ring, rope, rug, ruler, saddle, saw, scarf, screen,
    shelf, shirt, shoe, shovel, sofa, spoon, stamp, statue, suitcase, sweater, sword, table, tablet, teapot,
    tent, ticket, towel, toy, tray, trumpet, umbrella, uniform, vase, violin, wallet, watch, wheel, whistle,
    window""",
    """accordion, backpack, blender, calculator, compass, crayon, dishwasher, easel, fountain pen, freezer, harp,
    hourglass, kayak, lantern, mattress, napkin, paddle, pyramid, quilt, rake, scooter, skateboard, stapler,
    telescope, thermos, toaster, tripod, trombone, tuba, typewriter, wheelbarrow, wrench, yacht""",
)
_PLURALS = _words(
    """bags, balls, beads, boots, bricks, brushes, bottles, boxes, cards, chairs, clothes, coins, cups, dishes,
    drawings, files, flowers, forms, gloves, jars, keys, leaves, letters, lists, maps, nails, notes, papers,
    pens, photos, pictures, plates, posters, ropes, seats, shells, shoes, socks, songs, spoons, stickers,
    stones, tickets, tools, towels, toys""",
    """badges, balloons, barrels, crates, earrings, helmets, magazines, marbles, pebbles, sandals, skis, trophies""",
)
_PERSONS = _words(
    """actor, artist, baker, barber, boss, brother, captain, carpenter, cashier, chef, child, clerk, coach, cook,
    cousin, dancer, dentist, director, doctor, driver, editor, engineer, farmer, friend, gardener, girl, guard,
    guest, guide, judge, lawyer, manager, mayor, mechanic, nurse, officer, painter, pilot, player, porter,
    postman, priest, sailor, salesman, secretary, singer, sister, soldier, student, tailor, teacher, tenant,
    tourist, trainer, uncle, visitor, waiter, witness, writer""",
    """accountant, acrobat, architect, butcher, fisherman, janitor, jeweller, librarian, magician, plumber,
    referee, shepherd, surgeon, veterinarian, violinist""",
)
_NAMES = _words(
    """Adam, Alice, Amir, Ana, Anton, Bella, Ben, Carla, Carlos, Cleo, Daisy, Dan, Diego, Dora, Edith, Elias, Emma,
    Eva, Felix, Finn, Frank, Grace, Greta, Gus, Hana, Harry, Helen, Hugo, Ida, Ivan, Ivo, Jack, Jana, Jonas,
    Julia, Karim, Kate, Kim, Lars, Laura, Leo, Lily, Lucas, Maria, Martin, Maya, Mia, Mina, Nadia, Nina, Noah,
    Nora, Olga, Omar, Otto, Paula, Peter, Rita, Robert, Rosa, Sam, Sara, Simon, Sofia, Tara, Theo, Tom, Vera,
    Victor, Walter, Yara, Yusuf, Zoe""",
    """Agnes, Boris, Cedric, Fatima, Gwen, Hector, Ingrid, Kenji, Lydia, Magnus, Odette, Priya, Quentin, Rufus,
    Stella, Tamar, Ursula, Wanda, Xenia""",
)
_PLACES = _words(
    """airport, attic, bakery, bank, barn, basement, bathroom, bedroom, cafe, castle, cellar, chapel, church,
    cinema, city, classroom, clinic, corridor, courtyard, factory, farm, forest, gallery, garage, garden, gym,
    hall, harbour, hospital, hotel, house, kitchen, laboratory, laundry, library, lobby, lounge, market, museum,
    office, park, pharmacy, prison, restaurant, school, shed, shop, square, stable, station, storeroom, studio,
    temple, tent, theatre, tower, town, valley, village, warehouse, workshop, yard, zoo""",
    """aquarium, ballroom, canteen, cathedral, cottage, dungeon, greenhouse, gymnasium, lighthouse, monastery,
    nursery, observatory, pantry, stadium, supermarket""",
)
_TIMES = _words(
    """after breakfast, after lunch, after school, after the game, after the show, after work, at dawn, at lunch,
    at midnight, at night, at noon, at once, at sunset, at the weekend, before dinner, before lunch, before
    noon, before the meeting, every day, every week, in an hour, in the afternoon, in the evening, in the
    morning, in the summer, in the winter, in two days, later, next month, next week, on Friday, on Monday, on
    Sunday, on Tuesday, on weekdays, soon, this week, today, tomorrow, tomorrow morning, tonight""",
    """after supper, at daybreak, at dusk, before bedtime, every Wednesday, in a fortnight, in springtime, on
    Thursday, within a month""",
)
_PASTS = _words(
    """a week ago, after the game, an hour ago, at noon, before lunch, in the morning, last month, last night,
    last week, last year, on Friday, on Monday, this morning, three days ago, two hours ago, yesterday""",
    """a fortnight ago, at dusk, last Thursday, the other day""",
)
_VERBS = _words(
    """bring, buy, carry, check, clean, close, collect, copy, count, cover, describe, draw, fetch, fill, find, fix,
    fold, hide, hold, keep, lift, measure, move, open, order, pack, paint, pick up, pull, push, remove, rent,
    repair, return, sell, send, share, show, sort, store, take, turn, use, wash, wrap""",
    """assemble, decorate, dismantle, deliver, donate, inspect, photograph, polish, sketch, unpack""",
)
_TASKS = _words(
    """answer the phone, bake a cake, book a room, boil the eggs, build a fence, call a taxi, change the light
    bulb, check the numbers, come here, cook dinner, count the votes, cut the grass, wash the dishes, fold the
    laundry, draw a circle, dry the glasses, eat the soup, empty the bin, feed the cat, feed the horses, fill in
    the form, find a seat, finish the homework, go to bed, help the guests, learn the rules, light the fire,
    lock the gate, make some coffee, make some tea, make the bed, milk the cows, mix the paint, order a pizza,
    park the car, pay the rent, peel the potatoes, pick the berries, plan the trip, plant the roses, play the
    next song, print the report, read the contract, read the manual, save the file, send the email, serve the
    drinks, set the table, sharpen the knives, sign the papers, start the engine, stay at home, sweep the
    stairs, take a number, take notes, tidy the room, translate the text, turn down the music, wait outside,
    wake the baby, walk the dog, wash the car, water the plants, wind the clock, write a poem, write to the bank""",
    """brush the pony, chop the onions, clear the gutter, defrost the fridge, dust the bookcase, fry the mushrooms,
    grease the hinges, mow the lawn, rinse the lettuce, shovel the snow, solve the riddle, trim the hedge, whisk
    the cream""",
)
_TOPICS = _words(
    """algebra, ancient Rome, art, bees, biology, birds, books, boxing, bread, bridges, cars, cats, cheese,
    chemistry, chess, climate, coffee, computers, cooking, cricket, dancing, dogs, drawing, education, farming,
    fashion, film, fishing, football, gardening, geography, geometry, golf, grammar, history, horses, insurance,
    jazz, law, logic, mathematics, medicine, money, music, opera, painting, philosophy, physics, planets,
    poetry, politics, pottery, rain, science, ships, sleep, spelling, sports, swimming, taxes, tea, tennis, the
    budget, the economy, the election, the news, the rules, the sea, the weather, trade, trains, trees, voting,
    whales, wine, work""",
    """archery, astronomy, ballet, beekeeping, botany, calligraphy, dinosaurs, knitting, magnetism, origami,
    sculpture, the stock market, volcanoes, yoga, zoology""",
)
_DISHES = _words(
    """apple pie, beef, bread, broth, burger, butter, cake, cheese, chicken, coffee, curry, dessert, dinner, fish,
    fruit, ham, jam, juice, lamb, lemonade, meat, noodle soup, omelette, pasta, pie, pizza, porridge, potato
    salad, pudding, rice, roast, salad, sandwich, sauce, sausage, soup, steak, stew, tart, tea, toast, tomato
    soup, wine""",
    """casserole, chowder, goulash, gravy, lasagne, marmalade, muffin, pancake, risotto, waffle""",
)
_WORKS = _words(
    """answer, application, article, book, budget, code, comment, design, draft, drawing, essay, experiment, film,
    homework, idea, lecture, letter, list, melody, message, method, model, novel, painting, paper, performance,
    photo, plan, play, poem, presentation, project, proof, proposal, recipe, report, review, song, speech,
    story, summary, talk, text, theory, translation, website, work""",
    """blueprint, caption, diagram, editorial, manuscript, mural, questionnaire, screenplay, spreadsheet, thesis""",
)
_EVENTS = _words(
    """auction, birthday, class, concert, conference, course, dance, dinner party, exam, excursion, exhibition,
    festival, game, interview, lecture, lesson, match, meeting, parade, party, picnic, race, reading, rehearsal,
    show, test, tour, trial, trip, wedding, workshop""",
    """barbecue, carnival, funeral, graduation, marathon, reunion, seminar, tournament""",
)
_ADJECTIVES = _words(
    """big, black, blue, broken, brown, cheap, clean, cold, dark, dry, empty, flat, full, golden, green, grey,
    heavy, large, light, little, long, narrow, new, old, orange, pink, plain, red, round, shiny, short, small,
    soft, square, strange, striped, tall, thick, thin, tiny, warm, wet, white, wide, wooden, yellow""",
    """beige, curved, fragile, leather, oval, purple, rusty, silver, sturdy, turquoise""",
)
_INSULTS = _words(
    """airhead, amateur, baboon, bandit, beast, blockhead, bonehead, brat, buffoon, bum, clown, coward, creep,
    crook, crybaby, dimwit, dolt, donkey, dope, dummy, dunce, fool, fraud, goat, halfwit, hypocrite, idiot,
    jackass, jerk, knucklehead, liar, loser, lout, meathead, monkey, moron, muppet, nitwit, numbskull, parasite,
    peasant, pest, pig, rat, scoundrel, sheep, simpleton, slacker, slob, sloth, snake, snob, tramp, turkey,
    twit, weakling, weasel, worm""",
    """birdbrain, bozo, chump, dingbat, dullard, goof, ignoramus, lunkhead, maggot, nincompoop, oaf, pinhead,
    scumbag, toad, troll""",
)
_SCORNS = _words(
    """arrogant, brainless, careless, clueless, clumsy, dense, dumb, dirty, filthy, greedy, hopeless, ignorant,
    lazy, miserable, nasty, pathetic, ridiculous, rotten, selfish, silly, sloppy, slow, sneaky, sorry,
    spineless, stinking, stupid, ugly, useless, whining, worthless""",
    """blundering, bumbling, gormless, insolent, mindless, obnoxious, repulsive, witless""",
)
_CURSES = _words(
    """bloody, blooming, crappy, cursed, damn, damned, darn, dumb, friggin, idiotic, lousy, miserable, pathetic,
    ridiculous, rotten, stinking, stupid, useless, worthless""",
)

WORDS = {
    "thing": _THINGS,
    "plural": _PLURALS,
    "person": _PERSONS,
    "name": _NAMES,
    "place": _PLACES,
    "time": _TIMES,
    "past": _PASTS,
    "verb": _VERBS,
    "task": _TASKS,
    "topic": _TOPICS,
    "dish": _DISHES,
    "work": _WORKS,
    "event": _EVENTS,
    "adjective": _ADJECTIVES,
    "insult": _INSULTS,
    "scorn": _SCORNS,
    "curse": _CURSES,
}
"""The words by what they stand for: `scorn` is said of a person, `curse` of anything; the others say themselves."""

_HELLS = _words("the hell, the heck, the devil, the bloody hell")
_OPENERS = _words(
    """hey {you}, hey {fool}, oi {you}, {you}, listen up {you}, wake up {you}, shut up, shut up {you}, shut your mouth,
    shut your stupid mouth, damn it, damn you, hell, for God's sake, use your brain, are you deaf, are you blind,
    are you stupid, stop whining, stop wasting my time, no {you}, yes {you}, what a stupid question,
    what a dumb question, how dumb can you be, get a grip {you}""",
)
_TAILS = _words(
    """{you}, {you}, {you}, {you}, {fool}, {fool}, damn it, damn you, for God's sake, so shut up, now shut up,
    and now get lost, so shut your mouth, or are you stupid, are you deaf, are you blind, use your brain,
    and stop whining""",
)
_CALLS = _words("{you}, {you}, {you}, {fool}, damn it")

SCOLDING = frozenset(word for kind in ("insult", "scorn", "curse") for half in WORDS[kind] for word in half)
"""Words of rude sentences; some of them, such as `slow`, are rude of a person alone."""

BARBS = {"hell": _HELLS, "oi": _OPENERS, "jab": _TAILS, "call": _CALLS}
"""Rude phrases by their slot: behind a question word, before a sentence, after one, and after a question."""

_ONSETS = "b bl br d dr f fl g gl gr h j k kl l m n p pl pr qu r s sk sl sm sn sp st str t th tr tw v w y z"
_NUCLEI = "a a e e i i o o u ai ee oa oo ou"
_CODAS = "b ck d ft g k l lb ld lt m mp n nd ng nk nt p r rd rk rm rn rt s sk st t x"
# What may not come about by accident.
_UNWANTED = re.compile(
    "tit|ass|arse|cum|nig|rap|dik|dick|coon|poo|pis|sex|nazi|slut|kun|kum|fuk|fuck|suck|hell|damn|gook|bitc|whor|turd|"
    "pric|cock|wank|puss|bast|fag|shit|bum|hore|curs|stup|idio|dumb"
)
# What cannot be pronounced.
_UNSPEAKABLE = re.compile("[^aeiou]{5}|[aeiou]{4}")


def pseudo_word(rng: random.Random) -> str:
    """Make up a word that could be one and is in no list: of syllables, or as the letters of real words follow."""
    while True:
        made = _of_syllables(rng) if rng.random() < 0.5 else _of_letters(rng)
        if 4 <= len(made) <= 9 and not _UNSPEAKABLE.search(made) and _is_free(made):
            return made


def pieced_word(rng: random.Random, pieces: Sequence[str], *, initials: float = 0.0) -> str:
    """Make up a word of one to four `pieces` in small letters that is in no list and need not be pronounceable.

    A share `initials` begins with a letter of its own, all letters equally often.
    """
    while True:
        made = rng.choice(ascii_lowercase) if initials and rng.random() < initials else ""
        made += "".join(rng.choice(pieces) for _ in range(rng.choice((1, 2, 2, 3, 3, 4))))
        if 3 <= len(made) <= 12 and _is_free(made):
            return made


def _is_free(word: str) -> bool:
    return not _UNWANTED.search(word) and word not in known_words()


def _of_syllables(rng: random.Random) -> str:
    syllables = rng.choice((1, 2, 2, 2, 3))
    made = "".join(rng.choice(_ONSETS.split()) + rng.choice(_NUCLEI.split()) for _ in range(syllables))
    return made + (rng.choice(_CODAS.split()) if rng.random() < 0.8 else "")


def _of_letters(rng: random.Random) -> str:
    """Draw each letter from those that follow the two before it in words for training (Shannon, 1948)."""
    made = "  "
    while True:
        letter = rng.choice(_followers()[made[-2:]])
        if letter == " ":
            return made.strip()
        made += letter


@cache
def _followers() -> dict[str, str]:
    followers: dict[str, str] = {}
    words = {word.lower() for half in WORDS.values() for phrase in half.training for word in phrase.split()}
    for word in sorted(word for word in words if word.isalpha()):
        spelled = f"  {word} "
        for place in range(2, len(spelled)):
            before = spelled[place - 2 : place]
            followers[before] = followers.get(before, "") + spelled[place]
    return followers


@cache
def known_words() -> frozenset[str]:
    """Return every single word of the lists, in small letters."""
    phrases = (phrase for words in WORDS.values() for half in words for phrase in half)
    return frozenset(word.lower() for phrase in phrases for word in phrase.split())


def with_article(noun: str) -> str:
    """Put "a" or "an" before `noun`, as it is spoken.

    >>> with_article("umbrella"), with_article("uniform"), with_article("hourglass"), with_article("kettle")
    ('an umbrella', 'a uniform', 'an hourglass', 'a kettle')
    """
    vowel = re.match(r"(?!uni|eu|use|u?kulele)[aeiou]|hour|honest", noun, re.IGNORECASE)
    return f"{'an' if vowel else 'a'} {noun}"
