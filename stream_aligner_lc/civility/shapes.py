"""Shapes of ordinary sentences, with slots for their words as in `slots`. No I/O."""

SHAPES = """
{statement}.
{statement}, and {statement2}.
{statement}, but {statement2}.
{statement} because {statement2}.
If {statement}, {statement2}.
When {statement}, {statement2}.
Although {statement}, {statement2}.
{name} said that {statement}.
"{statement}," said {name}.
{name} asked, "{question}?"
I think that {statement}.
I hope that {statement}.
I am afraid that {statement}.
It is true that {statement}.
Did you know that {statement}?
Do you think that {statement}?
Please remember that {statement}.
In {year}, {statement}.
Today, {statement}.
Yes, {statement}.
No, {statement}.
Well, {statement}.
Sorry, {statement}.
Of course, {statement}.
{name}, {statement}.
Hey {name}, {question}?
Excuse me, {question}?
And {question}?
{statement}!
{statement}, my friend.
{statement}, you know.
{question}, please?
{question}, {name}?
{question}?
I wonder {question}.
Could you tell me, {name}, {question}?
Please {task}.
Please {task} {time}.
Please {task}, {name}.
{task}, please.
{task} and {task2}.
First {task}, then {task2}.
Do not {task} before you {task2}.
Let us {task} {time}.
To {task}, you need {a thing}.
You should {task} before you {task2}.
You can {task} with {a thing}.
Could you {task}, please?
Would you {task}, {name}?
Can you help me to {task}?
Who will {task} {time}?
It is easy to {task}.
It is not possible to {task} without {a thing}.
Next to the {place} there is {a adjective} {thing}.
The {thing} is {adjective}, {adjective2} and {adjective3}.
The {thing} and the {thing2} are in the {place}.
The {thing} of my {person} is {adjective}.
The {thing} (made in {year}) is worth {price}.
The {thing} that {name} bought was {adjective}.
The {thing}, which was {adjective}, fell into the {thing2}.
The {thing} was given to the {person} by {name}.
This {thing} is older than that {thing2}.
This is the most beautiful {thing} in the {place}.
That was a lovely {event}.
What a nice {thing}!
What a lovely {event}, {name}!
How about {a thing} for {name}?
{a thing} is not {a thing2}.
{a adjective} {thing}, {a thing2} and {a thing3}
{a person} needs {a thing}.
Some {plural} are {adjective}, others are {adjective2}.
All {plural} cost {price}.
Most {plural} come from the {place}.
{number} {plural} cost {price}.
{number} of the {plural} were {adjective}.
Between {number} and {number2} {plural} are sold every day.
More than {number} people live near the {place}.
On page {number}, {name} writes about {topic}.
Room {number} is next to the {place}.
The code is {number}-{number2}.
Bus {number} goes to the {place}.
From {year} to {year2}, the {place} was closed.
On 12 May {year}, the {place} was opened.
Dr. {name} will see you {time}.
Mr. {name} is the new {person}.
{name} and {name2} met in the {place} {past}.
{name} is {number} years old.
{name} is taller than {name2}.
{name}'s {thing} is {adjective}.
{name} doesn't like {topic}, but {name2} does.
{name} works as {a person} in {a place}.
{name}, who is {a person}, lives in the {place}.
{name} hasn't seen the {person} since {year}.
{name} didn't bring the {thing}.
{name} can't find the {plural}.
I'm looking for {a thing}.
I'm not sure where the {plural} are.
I've never been to the {place}.
I'd like {a thing} and two {plural}, please.
I don't like the {dish}.
I don't know much about {topic}.
I do not want to talk about {topic}.
I like {topic}, {topic2} and {topic3}.
I love your {thing}!
I prefer {topic} to {topic2}.
I was glad to hear about your {work}.
I would rather not {task}.
It's {a adjective} {thing}, isn't it?
It isn't far to the {place}.
It is in the {place}.
It was {name} who lost the {thing}.
It was the {person} who wrote the {work}.
Its {thing} is {adjective}.
Here is the {thing}.
Here you are, {name}.
There's {a thing} under the {thing2}.
There were {number} {plural} and {a thing} in the {thing2}.
My {person} and I like {dish} with {dish2}.
My {thing} broke {past}.
Our {person} has {a adjective} {thing}.
Your {work} is very good.
Your {work} could be better.
Your {thing} is ready, {name}.
You have a nice {thing}.
You are late for the {event}.
You are a good {person}, {name}.
You, the {person} and I will meet {time}.
Thank you for the {thing}.
Thank you, {name}, for the lovely {event}.
Good luck with the {work}, {name}!
Welcome to the {event}!
Both {name} and {name2} like the {dish}.
Neither {name} nor {name2} likes the {dish}.
Either {name} or the {person} has the {thing}.
Without {a thing}, nobody can {task}.
While {name} was in the {place}, the {person} took the {thing}.
After the {event}, we went to the {place}.
Before the {event}, {name} had to {task}.
Every {person} knows something about {topic}.
Each {thing} has its own {thing2}.
Nobody told me about the {event}.
{topic} is more interesting than {topic2}.
{topic} has changed since {year}.
Books about {topic} are in the {place}.
Learning about {topic} takes time.
The history of {topic} begins in {year}.
The {person} is an expert in {topic}.
The {person} asked whether {statement}.
The {person} explained why {statement}.
The {person} - a friend of {name} - is in the {place}.
The {person}'s {work} is about {topic}.
The best {work} was written by {name}.
The {work} is too long, I think.
The {event} was a success.
The {event} was boring, but the {dish} was good.
The {dish} is cold.
The {dish} was cooked by the {person}.
The {dish} tastes better with {dish2}.
The {place} is {adjective} and {adjective2}.
The {place} closes {time}.
The {place}: a short guide
Turn {side} at the {place}, then go straight on.
On the {side} you can see the {place}.
The {side} {thing} is mine, the other is yours.
Where is the {thing}?
Where did you put the {plural}?
Is your {person} in the {place}?
Is the {dish} still warm?
Are the {plural} in the {thing}?
Why not {task}?
What is {a thing}?
What colour is the {thing}?
What happened in {year}?
Which {person} wrote about {topic}?
Whose {thing} is this?
How many {plural} are there?
How old is the {place}?
You need the following:
- {a thing}
- {number} {plural}
- {task}
1. {task}
{topic} and {topic2}
{thing}: {price}
Question: {question}?
Answer: {statement}.
Note: {statement}.
Only then did {name} notice the {thing}.
So {name} gave the {thing} back.
Then the {person} laughed.
Now {statement}.
The old fool in the {work} was played by {name}.
The garbage in the {place} is collected {time}.
{name} shut the {thing} and left the {place}.
{name} got lost near the {place}.
It was stupid of me to forget the {thing}.
The lazy {person} in the {work} is called {name}.
A pig, a donkey and a rat live in the {place}.
The clown hid the {thing} behind the {thing2}.
I am sick, so {name} will {task}.
Only an expert would notice the {thing}.
Only {name} can {task}.
Any {person} knows that {statement}.
Even a child can {task}.
Everyone knows that {statement}.
You are right about {topic}.
Your story about the {thing} made me laugh.
Your opinion about {topic} is interesting.
How should I know which {thing} is yours?
How can you tell that {statement}?
How often do you {task}?
Keep your {thing} dry.
Keep the {plural} in the {thing}.
Take the {thing} and give it to {name}.
Get the {plural} out of the {thing}, please.
Come to the {place} {time}, and bring {a thing}.
Give the {thing} to the {person} or to {name}.
Stop the {thing} before you {task}.
Stop in the {place} and ask for {name}.
For the last time, the {place} was open {past}.
Move the {thing} to the {side} a little.
Hurry up with the {work}, please.
Hands up if you have {a thing}!
The {thing} tastes of {dish}, doesn't it?
The {dish} smells like {dish2}.
The {person} is a friend of {name}.
{name} is {a person}.
{name} is a kind and patient {person}.
What a clever {person} {name} is!
You clever {person}, you found the {thing}!
You and {name} can {task}.
Are you too tired to {task}?
Are you the {person} who found my {thing}?
Do I look like my {person}?
Leave the {thing} in the {place}.
Nobody cares for {plural} as well as {name}.
I cannot {task} now, {name}, I am busy.
I am tired of the {work}, so I will {task}.
I would like to {task} {time}.
I will {task} {time}, and {name} will help me.
Yes, the {person} is in the {place}.
No, the {thing} is not in the {place}.
{task}.
{task} {time}.
{task} and wait for the {person}.
Now {task}!
Give the {thing} to {name}.
Bring {a thing} and {number} {plural}.
Do not {task}!
Never {task} without {a thing}.
Careful, the {thing} is {adjective}!
Look at that {thing}!
So many {plural}!
How {adjective} the {thing} is!
{name}, come here!
"""
