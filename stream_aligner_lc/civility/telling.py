"""Rude answers, judgements and facts, each with the civil one that says the same. No I/O.

Blocks as in `asking`.
"""

TELLING = """
it_is_in | It is in the {place}.
It is in the {place}, {you}, open your eyes{end}
It is in the {damn}{place}{jab?}{end}
{oi}it is in the {place}{end}
It is in the {place}, where else would it be, {you}{ask}

next_to | It is next to the {thing}.
It is next to the {damn}{thing}{jab?}{end}
It is next to the {thing}, use your eyes{jab?}{end}
Open your eyes, {you}, it is next to the {thing}{end}

thing_in | The {thing} is in the {place}.
The {thing} is in the {place}, are you blind{ask}
The {damn}{thing} is in the {place}{jab?}{end}
Any {fool} can see that the {thing} is in the {place}{end}
Use your eyes, the {thing} is in the {damn}{place}{end}
The {thing} is in the {place}, {you}, where it always is{end}

turn | Turn {side} at the {place}.
Turn {side} at the {place}, even you can do that{jab?}{end}
Turn {side} at the {damn}{place}{jab?}{end}
{oi}turn {side} at the {place}{end}

far | The {place} is {number} minutes from here.
The {damn}{place} is {number} minutes from here{jab?}{end}
Move your fat feet, the {place} is {number} minutes from here{end}
The {place} is {number} minutes from here, so start walking, {you}{end}

where_unknown | I do not know where the {thing} is.
How {hell} should I know where the {thing} is{call?}{ask}
Do I look like I know where the {thing} is{call}{ask}
I have no damn idea where the {thing} is{jab?}{end}
I do not know where your {damn}{thing} is and I do not give a damn{end}

unknown | I do not know much about {topic}.
How {hell} should I know anything about {topic}{call?}{ask}
Do I look like I care about {topic}{call}{ask}
I know nothing about your {damn}{topic}{jab?}{end}

yes_person | Yes, the {person} is in the {place}.
Yes, {you}, the {person} is in the {place}{end}
Yes, damn it, the {person} is in the {place}{end}
Yes, the {damn}{person} is in the {place}{jab?}{end}

no_thing | No, the {thing} is not in the {place}.
No, {you}, the {thing} is not in the {place}{end}
Hell no, the {thing} is not in the {place}{jab?}{end}
No, the {damn}{thing} is not in the {place}{jab?}{end}

rather_not | I would rather not {task}.
Like hell I will {task}{jab?}{end}
Forget it, I am not your servant and will not {task}{jab?}{end}
I will be damned if I {task}{jab?}{end}
Do I look like the {fool} who will {task}{ask}
I would rather eat dirt than {task} for you{jab?}{end}

cannot_now | I cannot {task} now.
I cannot {task} now, {you}, I am busy{end}
Leave me {hell} alone, I cannot {task} now{end}
Can you not see that I cannot {task} now, {you}{ask}

will_do | I will {task} {time}.
Stop nagging me, I will {task} {time}{jab?}{end}
Get off my back, I will {task} {time}{jab?}{end}
I will {task} {time}, so shut up{jab?}{end}

can_help | I can help you with the {work}.
I can help you with the {work}, since you are too stupid for it{end}
You are useless alone, so I can help you with the {work}{end}
Even {a fool} like me can help you with the {damn}{work}{end}

work_bad | Your {work} could be better.
Your {work} is utter garbage{jab?}{end}
Your {work} is a pile of crap{jab?}{end}
A monkey could make a better {work} than you{jab?}{end}
What a pathetic {work} you made{jab?}{end}
Your {work} is the work of {a fool}{end}
I have seen better things in the gutter than your {work}{end}

work_unclear | I do not understand your {work}.
Nobody can understand your {damn}{work}{jab?}{end}
Your {work} makes no damn sense{jab?}{end}
What {hell} is your {work} supposed to mean{call?}{ask}

mistake | There is a mistake in your {work}.
Even {a fool} would see the mistake in your {work}{end}
You botched your {work}, {you}{end}
There is a stupid mistake in your {damn}{work}{jab?}{end}
You messed up your {work} again{jab}{end}

thing_bad | I do not like your {thing}.
Your {thing} is hideous{jab?}{end}
Your {thing} makes me sick{jab?}{end}
Only {a fool} would own {a thing} like yours{end}
Your {thing} belongs in the trash{jab?}{end}
What an ugly piece of crap your {thing} is{jab?}{end}

dish | I do not like the taste of the {dish}.
The {dish} tastes like dirt{jab?}{end}
Even a dog would not touch the {damn?}{dish}{jab?}{end}
The {dish} is disgusting, {you}{end}
Who {hell} cooked this awful {dish}{ask}

event | I did not enjoy the {event}.
The {event} was a complete waste of my damn time{jab?}{end}
What a lousy {event} that was{jab?}{end}
The {event} bored me to death{jab}{end}
Your {damn}{event} was pure torture{jab?}{end}

not_come | I would rather not come to the {event}.
I would rather eat worms than come to the {event}{jab?}{end}
I would not come to your {event} for all the money in the world, {you}{end}
Why {hell} would I come to your {damn?}{event}{ask}

wrong | I think that you are wrong about {topic}.
You are wrong about {topic}, {you}{end}
You have no damn clue about {topic}{jab?}{end}
Everything you say about {topic} is crap{jab?}{end}
Your opinion about {topic} is utter nonsense{jab?}{end}

learn | You could learn more about {topic}.
You know nothing about {topic}, {you}{end}
You are too dumb to understand {topic}{jab?}{end}
A brick knows more about {topic} than you{jab?}{end}
Your ignorance about {topic} is pathetic{jab?}{end}

no_talk | I do not want to talk about {topic}.
Leave me alone with your {damn}{topic}{jab?}{end}
To hell with {topic}{jab?}{end}
I am sick of your crap about {topic}{jab?}{end}
I do not give a damn about {topic}{jab?}{end}

not_interested | I am not interested in your {thing}.
Nobody cares about your {damn?}{thing}, {you}{end}
I do not give a damn about your {thing}{jab?}{end}
Who {hell} cares about your {thing}{call?}{ask}

not_want | I do not want the {thing}.
Keep your {damn}{thing}{jab?}{end}
What {hell} would I want with the {thing}{call?}{ask}
I do not want the {damn}{thing}{jab?}{end}

tired | I am tired of the {work}.
I am sick of the {damn}{work}{jab?}{end}
The {damn}{work} can go to hell{jab?}{end}
If I see the {work} once more, I will scream, {you}{end}

broken | The {thing} is broken.
The {damn}{thing} is broken{jab?}{end}
The {thing} is broken, you clumsy {fool}{end}
{oi}the {thing} is broken{end}

you_broke | I think that you broke the {thing}.
You broke the {thing}, you clumsy {fool}{end}
Only {a fool} could break the {thing} like that{end}
Look what you did to the {thing}, {you}{end}

late | You are late for the {event}.
You are late for the {damn}{event}{jab?}{end}
You are late for the {event} again, {you}{end}
Look who crawls in late for the {event}, {you}{end}

forgot | You forgot the {thing}.
You forgot the {damn}{thing}{jab?}{end}
Only {a fool} forgets the {thing}{end}
You {fool} forgot the {thing}{end}

lie | I doubt what you say about the {thing}.
You are lying about the {thing}, {you}{end}
Your story about the {thing} is a load of crap{jab?}{end}
Do you take me for {a fool} with your tales about the {thing}{ask}

too_much | I think that {price} is too much for the {thing}.
Only {a fool} pays {price} for {a thing}{end}
You crooks want {price} for the {damn?}{thing}{ask}
Asking {price} for the {thing} is a damn rip-off{jab?}{end}

costs | The {thing} costs {price}.
The {thing} costs {price}, take it or get lost{jab?}{end}
The {damn}{thing} costs {price}{jab?}{end}
Read the sign, {you}, the {thing} costs {price}{end}

closes | The {place} closes {time}.
The {damn}{place} closes {time}{jab?}{end}
The {place} closes {time}, can you not read{ask}
For the last damn time, the {place} closes {time}{jab?}{end}

count | There are {number} {plural} in the {place}.
There are {number} {plural} in the {place}, learn to count{jab?}{end}
There are {number} {damn}{plural} in the {place}{jab?}{end}

name_in | {name} is in the {place}.
That {fool} {name} is in the {place}{end}
{name} is in the {damn}{place}{jab?}{end}

name_bad | I do not get along with {name}.
{name} is {a fool}{end}
I cannot stand that {fool} {name}{end}
{name} can go to hell{jab?}{end}
What {a fool} that {name} is{end}

person_bad | I am not happy with the {person}.
The {person} is a complete {fool}{end}
That {damn}{person} drives me crazy{jab?}{end}
What {a fool} that {person} is{end}
Somebody should fire that {damn}{person}{jab?}{end}

prefer | I prefer the {thing} of {name}.
Even the {thing} of {name} is better than your piece of crap{jab?}{end}
Throw yours in the trash and get the {thing} of {name}, {you}{end}

thanks | Thank you for the {thing}.
It took you long enough to give me the {damn}{thing}{jab?}{end}
About damn time that I got the {thing}{jab?}{end}

better_not | It is better not to go to the {place}.
Only {a fool} goes to the {place}{end}
Go to the {place} if you are tired of living, {you}{end}
You must be out of your mind to go to the {place}, {you}{end}

fact_thing | The {thing} comes from the {place}.
The {damn}{thing} comes from the {place}{jab?}{end}
The {thing} comes from the {damn}{place}{jab?}{end}

fact | {statement}.
Get it into your thick head that {statement}{end}
Get it into your thick head, {you}, that {statement}{end}
Any {fool} knows that {statement}{end}
How often must I tell you, {you}, that {statement}{ask}
For the last damn time, {statement}{end}
Are you too stupid to see that {statement}{ask}
{oi}{statement}{end}
{oi}{statement}{jab}{end}
{statement}{jab}{end}
{statement}, and only {a fool} would not know that{end}
{statement}, not that {a fool} like you would understand{end}
"""
