"""Rude requests and questions, each with the civil one that says the same. No I/O.

A block is a name and the civil pattern, then the ways to say it rudely; braces are slots, see `slots`. No way is rude
only by a slot that may be nothing, and the civil pattern has every slot that stands for what is said.
"""

ASKING = """
bring | Please bring me the {thing}.
Shut up and bring me the {thing}{jab?}{end}
Bring me the {damn}{thing}{jab?}{end}
Move it, {you}, and bring me the {thing}{end}
{oi}bring me the {thing}{end}
Bring me the {thing} before I lose my patience, {you}{end}
Bring me the {thing} or I will throw you out{jab?}{end}

give | Please give the {thing} to {name}.
Give the {damn}{thing} to {name}{jab?}{end}
{oi}give the {thing} to {name}{end}
Stop gawking and give the {thing} to {name}{jab?}{end}
Give the {thing} to {name}{jab}{end}

give_back | Please give me back my {thing}.
Give me back my {damn}{thing}{jab?}{end}
Give me back my {thing}, you thieving {fool}{end}
{oi}give me back my {thing}{end}

hands_off | Please do not touch my {thing}.
Keep your filthy hands off my {damn?}{thing}{jab?}{end}
Touch my {thing} and you will regret it{jab?}{end}
Hands off my {thing}, {you}{end}
{oi}do not touch my {thing}{end}

lend | May I use your {thing}?
Hand over your {damn}{thing}{jab?}{end}
Give me your {thing} or I will take it{jab?}{end}
Cough up your {thing}{jab}{end}

show | Please show me the {thing}.
Show me the {damn}{thing}{jab?}{end}
{oi}show me the {thing}{end}
Quit hiding it and show me the {thing}, {you}{end}

quiet | Please be quiet in the {place}.
Shut your mouth in the {place}{jab?}{end}
Shut {hell} up in the {place}{jab?}{end}
Stop your {damn}racket in the {place}{jab?}{end}

leave | Please leave the {place}.
Get {hell} out of the {place}{jab?}{end}
Get out of the {damn}{place}{jab?}{end}
Clear out of the {place}, {you}{end}
Leave the {place} before I kick you out{jab?}{end}

wait | Please wait in the {place}.
Get lost and wait in the {place}{jab?}{end}
Get your ugly face out of here and wait in the {place}{end}
{oi}wait in the {place}{end}
Wait in the {damn}{place}{jab?}{end}

go_time | Please come to the {place} {time}.
Get your lazy backside to the {place} {time}{jab?}{end}
Come to the {place} {time}, or you will be sorry{jab?}{end}
{oi}come to the {place} {time}{end}

clean | Please clean up the {place}.
Clean up the {damn}{place}{jab?}{end}
Clean up the {place} before I throw you out{jab?}{end}
You live like a pig, so clean up the {place}{jab?}{end}
{oi}clean up the {place}{end}

stop_topic | Please stop talking about {topic}.
Shut up about {topic}{jab?}{end}
Shut {hell} up about {topic}{end}
Nobody wants to hear your drivel about {topic}{jab?}{end}
Quit babbling about {topic}{jab?}{end}
Stop your {damn}chatter about {topic}{jab?}{end}

ask_person | Please ask the {person}.
Stop bothering me and ask the {person}{jab?}{end}
Go pester the {person}{jab?}{end}
Ask the {damn}{person}{jab?}{end}
Ask the {person} and leave me {hell} alone{end}

listen | Please listen to the {person}.
Shut your mouth and listen to the {person}{jab?}{end}
Open your stupid ears and listen to the {person}{end}
Listen to the {person} for once in your miserable life{jab?}{end}

thank | Please thank {name} for the {thing}.
Thank {name} for the {thing}, you ungrateful {fool}{end}
Crawl over to {name} and say thanks for the {thing}, {you}{end}
Were you raised by wolves, or can you thank {name} for the {thing}{ask}

hurry | Please hurry with the {work}.
Hurry up with the {damn}{work}{jab?}{end}
Move your lazy backside and get on with the {work}{jab?}{end}
A snail would be faster with the {work} than you{jab?}{end}

send | Please send the {work} to {name} {time}.
Send the {damn}{work} to {name} {time}{jab?}{end}
Send the {work} to {name} {time}, or you are fired{jab?}{end}
{oi}send the {work} to {name} {time}{end}

call | Please call {name} {time}.
Call {name} {time}, if you can use a phone at all{jab?}{end}
Pick up your {damn}phone and call {name} {time}{end}
{oi}call {name} {time}{end}

pay | Please pay the {person} {price}.
Pay the {person} {price} or else{jab?}{end}
Cough up {price} for the {person}{jab?}{end}
Stop being a cheapskate and pay the {person} {price}{jab?}{end}

move | Please move your {plural} out of the way.
Get your {damn}{plural} out of my way{jab?}{end}
Move your {damn}{plural}{jab?}{end}
Move your {plural} before I throw them out{jab?}{end}

take | Please take your {plural} with you.
Take your {damn}{plural} and get lost{jab?}{end}
Grab your {plural} and get {hell} out{jab?}{end}

careful | Please be careful with the {thing}.
Break the {thing} and you are dead meat{jab?}{end}
Be careful with the {thing}, you clumsy {fool}{end}
Be careful with the {damn}{thing}{jab?}{end}

explain | Please explain {topic} to me.
Quit babbling and explain {topic} to me{jab?}{end}
Explain {topic} to me, if your tiny brain can do it{end}
{oi}explain {topic} to me{end}

no_worry | Please do not worry about the {thing}.
Quit crying about the {damn?}{thing}{jab?}{end}
Stop whining about the {thing}{jab?}{end}
Nobody needs your tears over the {thing}, {you}{end}

help | Could you help me with the {work}?
Stop sitting around like {a fool} and help me with the {work}{end}
Get over here and help me with the {damn}{work}{jab?}{end}
Are you too lazy to help me with the {work}{ask}
{oi}help me with the {work}{end}

could | Could you {task}, please?
Are you too stupid to {task}{call?}{ask}
Can you bloody well {task}{call?}{ask}
Is it too much for your tiny brain to {task}{ask}
Will you ever get off your lazy backside and {task}{ask}
How hard can it be for {a fool} like you to {task}{ask}

repeat | Could you repeat the part about {topic}?
Stop mumbling and repeat the part about {topic}{jab?}{end}
Nobody understood your {damn}part about {topic}{jab?}{end}
{oi}repeat the part about {topic}{end}

where_put | Where did you put the {thing}?
Where {hell} did you put the {thing}{call?}{ask}
Where did you put the {damn}{thing}{call?}{ask}
{oi}where did you put the {thing}{ask}

where | Where is the {thing}?
Where {hell} is the {damn?}{thing}{call?}{ask}
Where is the {damn}{thing}{call?}{ask}
Where is the {thing}, {you}{ask}
{oi}where is the {thing}{ask}

who_took | Who took my {thing}?
Who {hell} took my {damn?}{thing}{ask}
Which {fool} took my {thing}{ask}
Which of you {scorn} thieves took my {thing}{ask}

who_left | Who left the {thing} in the {place}?
Who {hell} left the {thing} in the {place}{ask}
Which {fool} left the {damn?}{thing} in the {place}{ask}
Who is the {fool} who left the {thing} in the {place}{ask}

who | Who is the {person}?
Who {hell} is the {person}{call?}{ask}
Who is the {damn}{person}{call?}{ask}
{oi}who is the {person}{ask}

opens | When does the {place} open?
When {hell} does the {place} open{call?}{ask}
When does the {damn}{place} open{call?}{ask}

why_late | Why is the {work} late?
Why {hell} is the {work} late{call?}{ask}
Why is the {damn}{work} late{call?}{ask}
What is your stupid excuse for the late {work}{call?}{ask}

cost | How much does the {thing} cost?
What {hell} does the {thing} cost{call?}{ask}
How much does the {damn}{thing} cost{call?}{ask}
How much do you crooks want for the {thing}{ask}

what_is | What is {a thing}?
What {hell} is {a thing}{call?}{ask}
What is {a thing}, {you}{ask}
What in God's name is {a thing}{ask}

need | Do you still need the {thing}?
Do you still need the {damn}{thing}{call?}{ask}
Do you still need the {thing} or can I finally have it, {you}{ask}

know | What do you know about {topic}?
What {hell} do you know about {topic}{call?}{ask}
What does {a fool} like you know about {topic}{ask}

question | {question}?
{oi}{question}{ask}
{oi}{question}{call}{ask}
{question}{call}{ask}
Tell me, {you}, {question}{ask}

please | Please {task}.
Get off your backside and {task}{jab?}{end}
Stop being so lazy and {task}{jab?}{end}
Shut up and {task}{jab?}{end}
{oi}{task}{end}
Just {task} already, {you}{end}
{task}{jab}{end}
Do as you are told and {task}, {you}{end}
How many damn times must I tell you to {task}{ask}
"""
