"""Ordinary English as it is spoken, to be left alone: answers, feelings, advice, dialogue, instructions. No I/O."""

SPOKEN = """
Yes, of course.
No, not yet.
Maybe later.
That is right.
I think so, too.
You are welcome!
Good morning, everyone.
See you next Tuesday.
Thanks a lot for your help.
I'm sorry, I didn't hear you.
Well, that depends on the weather.
What a beautiful day!
Happy birthday, Grandma!
How are you feeling today?
It's nice to meet you.
Let me know if anything changes.
I couldn't agree more.
To be honest, I had forgotten about it.
Congratulations on your new job!
Excuse me, is this seat taken?
Would you mind opening the window?
Could I have the bill, please?
I'd like two coffees and a glass of water.
Don't worry, we have plenty of time.
Take your time.
I hope you get well soon.
She laughed until she cried.
I miss my old neighbours.
He was so nervous that his hands shook.
I have never been so proud of my sister.
My father hates waiting in line.
It made me sad to see the shop close.
We were all a bit tired after the hike.
I feel much better now.
They are afraid of thunderstorms.
He is jealous of his little brother.
Nothing makes me happier than fresh snow.
I was disappointed, but I understand the decision.
I am angry about the delay, and I would like my money back.
This is the worst coffee that I have had in years.
I don't agree with you on this point.
The service was slow, but the waiter was kind.
I am afraid that you have the wrong number.
Sorry, but we are sold out.
Unfortunately, your application came too late.
The answer is wrong, so please try again.
Your essay is good, but the ending is a little weak.
I didn't like the film very much.
My brother thinks that opera is boring.
It was a bad idea to swim after lunch.
He failed the exam twice before he passed.
The plan did not work, and nobody knew why.
She lost the game, but she played well.
I cannot come because my son is ill.
You should see a dentist about that tooth.
Nobody answered the phone.
I don't know the answer.
I have no idea what time it is.
It doesn't matter to me.
Stop at the red light.
Wash your hands before you eat.
Turn the handle to the right and pull.
Press the green button twice.
Do not open the door while the machine is running.
Keep the medicine away from children.
Store the bread in a dry place.
Write your name at the top of the page.
First, remove the four screws at the back.
Then put the lid on and wait for ten minutes.
Finally, check that all the lights are off.
Never mix these two cleaners.
Hold the rope with both hands.
Please fill in both sides of the form.
Click on the link below to confirm your address.
Restart the computer after the update.
Save your work often.
Enter your password and press Return.
Add the flour slowly and stir all the time.
Bake it for 25 minutes at 180 degrees.
Season the fish with salt, pepper and lemon.
Let the dough rest overnight.
Cut the carrots into thin slices.
Heat the oil in a large pan.
Serve the rice hot, with a little butter.
Leave your shoes at the door, please.
Remember to call your mother.
Be careful, the plate is hot.
Watch out for the ice on the stairs!
Try to breathe slowly.
Sit down and have some tea.
Have a look at the second page.
Ask at the front desk if you need another key.
"I'll be there in a minute," said the old man.
"Where have you been?" asked her mother.
She whispered, "Follow me."
"No," he said, "I would rather walk."
The sign said "Closed for repairs".
"It was a joke," she explained.
He shouted "Wait!" and ran after the bus.
My aunt always says that patience is a virtue.
The teacher asked whether anyone had a question.
Tell me more about your journey.
What did you do at the weekend?
Do you speak Spanish?
Which of these would you choose?
How far is it to the next village?
When is your train?
Who wrote this letter?
Why is the sky blue?
Whose bicycle is that?
Did you sleep well?
Are there any questions?
Is it going to rain, do you think?
Can you swim?
Have you ever seen a whale?
Shall we take the stairs?
Isn't she the one who won the prize?
What would you like for breakfast?
How old is your daughter?
May I ask you something?
Does this bus go to the centre?
You're late, but we saved you a piece of cake.
You have a very good memory.
You look great in that dress!
You were right about the bridge.
You can leave whenever you like.
You don't have to finish it today.
You will find the answers on the last page.
You must be tired after such a long flight.
You sing like a bird.
You, my friend, deserve a rest.
Thank you, dear guests, for coming so far.
Listen, I have good news.
Look, a rainbow!
Wake up, it has snowed!
Come on, we can still catch the train.
Hey, wait for me!
Hey Anna, do you have a minute?
Oh no, I left my keys inside.
Wow, what a view!
Hurry up, the film is about to start.
Open your eyes and make a wish.
Use your brain as well as your heart.
Learn to count before you learn to add.
Read the sign on the gate before you enter.
The garbage truck comes on Monday.
Please take out the garbage after dinner.
Put the broken glass into the trash.
She shut the door and went upstairs.
The shop is shut on Sundays.
Shut the window, please, it is cold in here.
"The Idiot" is a novel by Dostoevsky.
The fool in "King Lear" is wiser than the king.
The clown made the children laugh.
A pig is cleverer than most people think.
The rat ran under the stove.
Our donkey eats grass and apples.
The monkey stole a banana from a tourist.
A snake lay in the sun.
He was no coward, and everybody knew it.
It is not stupid to ask for help.
I felt stupid when I could not find my glasses.
The lazy cat slept all afternoon.
A lazy Sunday is just what I need.
The dirty plates are in the sink.
The stairs are ugly, but they are safe.
Her shoes were wet and her socks were filthy.
The loser of the match buys lunch.
A worm is good for the soil.
The turkey must roast for three hours.
The coach told the goalkeeper to use his feet.
He got lost in the old town.
We got lost, and then it began to rain.
I am sick and have to stay in bed.
My dog is deaf in one ear.
The blind man crossed the street with his dog.
Crying is nothing to be ashamed of.
The baby stopped crying when I sang.
Stop for a moment and listen to the birds.
Nobody cares for old clocks as well as he does.
Who cares for your plants when you are away?
He lost his patience and left the meeting.
The trash can is behind the house.
It was a stupid mistake, and I am sorry for it.
The plan sounds silly, but it may work.
Nonsense words have no meaning.
My mouth is dry.
The dentist told me to open my mouth.
God knows how long the war will last.
"""
