"""Statements and questions that stand inside other sentences: no comma, no capital at the start, no end. No I/O.

Braces are slots, see `slots`.
"""


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.strip().splitlines())


STATEMENTS = _lines("""
the {thing} is on the {thing2}
the {thing} is under the {thing2}
the {thing} is in the {place}
the {thing} belongs to {name}
the {thing} costs {price}
the {thing} does not work
the {thing} was made in {year}
the {thing} is {adjective}
the {thing} came {past}
the {plural} are behind the {thing}
the {plural} are in the {place}
the {plural} were sold {past}
the {dish} is on the table
the {dish} needs more salt
the {event} begins {time}
the {event} lasts {number} minutes
the {event} is in the {place}
the {event} was cancelled
the {place} opens {time}
the {place} is next to the {place2}
the {place} is {number} kilometres from here
the {place} was built in {year}
the {person} is not here
the {person} wants the {thing}
the {person} lives near the {place}
the {person} has gone to the {place}
the {person} told {name} about the {event}
my {person} will {task} {time}
my {person} is never late
{name} has {number} {plural}
{name} is waiting in the {place}
{name} cannot {task}
{name} likes {topic}
{name} gave the {thing} to {name2}
{name} paid {price} for the {thing}
we have to {task}
we meet in the {place} {time}
we need {number} {plural} for the {event}
we know nothing about {topic}
they sell {plural} in the {place}
they talk about {topic} every day
nobody has seen the {thing}
nobody may enter the {place}
everyone has to {task}
this is the {thing} of {name}
this is not the {place}
that is my {thing}
there is {a thing} in the {place}
there are {number} {plural} on the {thing}
there is no {dish} left
you have to {task}
you need {a thing} for that
you can find the {thing} in the {place}
you cannot {task} without {a thing}
I have already told the {person}
I want to {task}
I left the {thing} in the {place}
I do not have {a thing}
I did not {task}
it is {number} degrees in the {place}
it takes {number} hours to get to the {place}
the {work} has to be ready {time}
the {work} is about {topic}
the {work} of {name} has {number} pages
there is a talk about {topic} {time}
""")

QUESTIONS = _lines("""
what is in the {thing}
what did the {person} say about {topic}
what do you need the {thing} for
when does the {event} begin
when will you {task}
when did {name} leave the {place}
where did you buy the {thing}
where are the {plural}
where does the {person} live
who told {name} about the {event}
who wants to {task}
who left {a thing} in the {place}
who wrote the {work}
why did you {task}
why is the {place} closed
why does {name} need {a thing}
how do I get to the {place}
how many {plural} do we need
how long does the {event} last
how much is the {dish}
how does {name} {task}
which {thing} is yours
which of the {plural} are for {name}
did you see my {thing}
did {name} come to the {event}
do you have {a thing}
do you know the {person}
is the {work} ready
is there {a thing} in the {place}
can you {task} {time}
have you finished the {work}
have you got {number} {plural}
will you come to the {event}
are these your {plural}
""")
