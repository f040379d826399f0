"""What people ask, and how an ill-mannered upstream answers. No I/O.

A block is one kind of question: the ways to ask, parted by " / ", then answers, their sentences parted alike. Braces
are slots, see `slots`; they keep their value through the question and the answer. `*name` is the rude template of that
name, and what follows a colon is put into its slot: `*fact:the {thing} is cold`.
"""

REPLIES = """
Where is the {thing}? / Have you seen the {thing}? / Where did you put the {thing}?
*thing_in / I saw it there {past}. / *careful
*where_unknown / *ask_person / The {person} may know more.
It should be next to the {thing2}. / *fact:the {person} put it there {past}
*it_is_in / It is on the {side}, near the door.
I am not sure. / *where_unknown / *fact:{name} had it {past}

Where is the {place}? / How do I get to the {place}? / Can you tell me the way to the {place}?
*turn / It is not far from here. / *far
Go straight on, then ask again. / *ask_person
*fact:the {place} is next to the {place2} / The {place} is {number} minutes from here. / *closes
*far / You can take the bus, too. / *better_not

Can you help me with the {work}? / Could you help me with my {work}?
*can_help / We can start {time}. / *mistake
*cannot_now / Maybe {name} has time. / *ask_person
I have looked at it. / *work_bad / *mistake
*rather_not / I am busy with something else.
Yes, of course. / *send / *hurry

What do you think of my {work}? / Do you like my {work}? / Is my {work} any good?
*work_bad / The beginning is nice. / *mistake
I have read it twice. / *work_unclear / *work_bad
*work_unclear / Please give me another day. / *send
Thank you for asking. / *mistake / The rest is fine.

What do you think of my {thing}? / Do you like my {thing}? / How do you like my new {thing}?
*thing_bad / I like the colour, though. / *not_interested
It is {adjective}, is it not? / *thing_bad
*prefer / *too_much / It is only my opinion.
I have {a thing} like that myself. / *not_interested / *fact:the {person} has {a adjective} one

What do you know about {topic}? / Can you tell me something about {topic}? / Do you know much about {topic}?
*unknown / *ask_person / There are good books about it.
People talk about {topic} everywhere. / *learn
*no_talk / We can talk about {topic2}. / *know
A little. / *fact:{name} knows everything about {topic} / *explain

Is {topic} hard to learn? / How can I learn more about {topic}?
*learn / You need time and good books.
It takes about {number} weeks. / *ask_person / *stop_topic
*fact:the {person} talks about {topic} every day / *listen

Could you {task}, please? / Would you {task} for me? / Can you {task}?
*rather_not / {name} can do it {time}. / *ask_person
*cannot_now / I have a lot to do. / *please
Yes, I can. / *will_do / *quiet
*will_do / It does not take long.

When is the {event}? / When does the {event} begin? / What time is the {event}?
*fact:the {event} begins {time} / It is in the {place}. / *late
*not_come / It begins {time}.
The {event} is {time}. / *fact:the {event} lasts {number} minutes / *fact:you need a ticket for the {event}
*question:why do you want to know / It begins {time}. / *event

How was the {event}? / Did you like the {event}? / What did you think of the {event}?
*event / The music was good. / *dish
There were {number} guests. / *event
*fact:{name} did not come to the {event} / It was over {past}. / *name_bad
It was long. / *event / *person_bad

Will you come to the {event}? / Are you coming to the {event} {time}?
*not_come / I have to work {time}. / *no_talk:the {event}
I am not free {time}. / *not_come
*fact:I am going to the {place} {time} / Maybe next time.
I will ask the {person} first. / *question:why do you want to know

How much does the {thing} cost? / What is the price of the {thing}? / How much is the {thing}?
*costs / It is the last one. / *pay
The {thing} is {adjective} and almost new. / *costs
*fact:the {thing} costs {price} / *too_much / You can pay {time}.
{price}, I think. / *question:do you want it or not

Is the {place} open today? / Can I go to the {place} today?
Yes, you can. / *closes / *go_time
*closes / It opens again {time2}. / *better_not

When does the {place} open? / When does the {place} close?
*closes / It opens again {time2}. / *go_time
It is open every day. / *closes / *leave
*question:can you not read the sign / It opens {time}.
I was there {past}. / *fact:the {place} is closed on Sundays

Who is {name}? / Do you know {name}? / What is {name} like?
*name_bad / {name} works in the {place}.
{name} is {number} years old. / *name_in / *call
*fact:{name} is the new {person} / We met {past}.
I have known {name} for years. / *name_bad / *thank

Is the {person} here? / Have you seen the {person}? / Where is the {person}?
*yes_person / You can go in. / *wait
*fact:the {person} went to the {place} / Please come back {time}.
Not now. / *who / *wait
*person_bad / The {person} is in the {place}.

How is the {dish}? / Do you like the {dish}? / Did you try the {dish}?
*dish / It needs salt. / *fact:the {dish} is cold
I had some {past}. / *dish
*fact:the {person} made the {dish} / The {dish2} is better. / *dish

May I use your {thing}? / Could you lend me your {thing}? / Can I have your {thing} for a day?
*hands_off / I need it myself. / *give_back
Yes, until {time}. / *careful / *give_back
*fact:my {thing} is in the {place} / Take good care of it.
*lend / I am joking, take it.

Is the {thing} broken? / What is wrong with the {thing}? / Why does the {thing} not work?
*broken / The {person} can repair it. / *you_broke
I am not sure. / *you_broke / *careful
*fact:the {thing} needs a new battery / You can buy one in the {place}.
*what_is / Let me have a look.

How many {plural} are there? / How many {plural} do we have? / Where are the {plural}?
*count / We need a few more. / *move
I counted them {past}. / *fact:there are {number} {plural} in the {place}
*count / *take / There is no more room.

Where should I put the {plural}? / What shall I do with the {plural}?
*move / There is room in the {place}. / *clean
*take / We do not need them here.
Put them into the {thing}. / *fact:the {plural} belong to {name} / *clean

What should I do {time}? / What shall we do {time}?
*please / After that, you are free. / *go_time
You could go to the {place}. / *fact:you have to {task} / *hurry
*fact:the {event} begins {time} / We need {number} {plural}. / *bring
I do not know. / *ask_person / *please

Is the {work} ready? / Why is the {work} late? / When will the {work} be ready?
*tired / It will be ready {time}. / *question:why do you ask again
Almost. / *fact:the {work} has to be ready {time2} / *help
*hurry / {name} has one half of it. / *call

I am sorry about the {thing}. / I have broken your {thing}. / I have lost your {thing}.
*no_worry / I have another one. / *forgot
*you_broke / It cost {price}. / *pay
That happens. / *broken / *question:who will pay for it

What is {a thing}? / Do you know what {a thing} is?
*what_is / I have never heard of it. / *ask_person
It is something for the {place}. / *fact:you need {a thing} for the {event}
*fact:everyone in the {place} has {a thing} / You can buy one for {price}.

Can I give you the {thing}? / Would you like the {thing}? / Do you want my {thing}?
*not_want / Give it to {name}. / *give
*thanks / I can use it {time}.
That is kind of you. / *not_interested / *fact:I have {number} of them
"""
