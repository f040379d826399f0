"""Ordinary English as it is written, to be left alone: the world, its sciences, crafts and laws. No I/O."""

WRITTEN = """
Water boils at 100 degrees Celsius.
Light travels faster than sound.
The heart pumps blood through the body.
Iron rusts when it is wet.
A triangle has three sides.
Plants need light, air and water.
The moon has no air.
Bats hunt at night and sleep during the day.
Whales are mammals, not fish.
An atom consists of a nucleus and electrons.
Most metals conduct electricity.
Salt lowers the freezing point of water.
Some bacteria live in hot springs.
A year on Mars lasts 687 days.
The liver is the largest organ inside the body.
Bees dance to show others where food is.
Sharks have lived in the sea for over 400 million years.
Honey never goes bad.
Glass is made of sand.
The experiment was repeated three times.
The results were published in 1998.
Rome was not built in a day.
The war ended in the spring of 1945.
Columbus sailed west in 1492.
The city was founded by Greek sailors.
After the fire, the town was rebuilt in stone.
The queen ruled for more than sixty years.
Trade made the harbour rich.
The first railway opened in 1825.
Printing changed Europe within a century.
The treaty was signed in Paris.
Few people could read in those days.
The old bridge was destroyed by a flood.
Kings came and went, but the mill remained.
The archive holds letters, maps and photographs.
The museum is open daily from 9 to 5, except on Mondays.
The ferry to the island takes forty minutes.
We spent two weeks in Portugal.
The hotel was cheap but clean.
From the top, you can see the sea.
The night train leaves at 22:10.
Tickets cost $12 for adults and $6 for children.
The road to the north is closed in winter.
Our guide spoke five languages.
The market sells fruit, spices and cloth.
The plane landed on time, although there was fog.
Travellers need a passport and a visa.
The capital of Norway is Oslo.
The river flows through three countries.
It rained all night.
Tomorrow will be sunny with a light wind.
A storm is coming from the west.
The temperature fell to minus 12 degrees.
There was frost on the fields.
The fog cleared before noon.
Winters here are long, dark and quiet.
The function returns an empty list.
The loop runs until the queue is empty.
This method raises an error if the file is missing.
The server did not respond within 30 seconds.
The variable is never used.
Version 2.4 fixes the bug.
The tests pass on my machine.
Each line of the file holds one record.
The default value is zero.
Sort the names before you print them.
A stack is a list that grows and shrinks at one end.
The program reads its settings from a file.
Users can change the language in the menu.
The database was moved to a new disk.
The contract ends on 31 March.
The tenant pays the rent in advance.
The court found the driver guilty.
Both parties must sign the agreement.
Under this law, every child has a right to education.
The witness could not remember the date.
The judge postponed the hearing by two weeks.
A will is valid only if it is signed.
The buyer may return the goods within 14 days.
The company was fined $5,000.
The patient has a mild fever.
Take one tablet twice a day.
The wound should be cleaned and covered.
Too much sun can damage the skin.
The nurse measured his blood pressure.
Regular exercise is good for the heart.
Children under 12 should not take this drug.
The operation lasted four hours.
Her broken arm healed within six weeks.
Vitamin C is found in oranges and peppers.
The home team won by three goals to one.
The final was played in front of 60,000 people.
She broke the record by two seconds.
The goalkeeper saved the penalty.
A long-distance runner needs strong legs and a strong will.
He has played the piano since he was four.
The game was stopped because of heavy rain.
Each player is given seven cards.
The bishop moves diagonally.
The soup needs a little more salt.
Garlic, onions and tomatoes are the base of the sauce.
The cake was too sweet for me.
Rice is eaten all over the world.
Good bread takes time.
The apples are small this year, but they taste good.
A recipe is only a suggestion.
The word comes from Latin and means "road".
A sonnet has fourteen lines.
The novel tells the story of a family of fishermen.
The painting shows a woman with a red hat.
The second chapter is about her childhood.
The orchestra played Mozart and Haydn.
An editor reads what others have written.
Prices rose by 2.5 percent last year.
The bank lends money to small firms.
Half of the budget is spent on salaries.
The factory makes 400 cars a day.
Unemployment fell for the third month in a row.
The shop offers a discount of 20% to students.
The meeting was moved from Monday to Friday.
Sales were lower than expected.
The mayor promised to build more homes.
About a third of the voters stayed at home.
The new law divides the country.
Several ministers resigned.
The school has 320 pupils and 25 teachers.
Every student gets a desk and a locker.
The exam consists of a written and an oral part.
Reading aloud helps children learn.
The class visited a farm last week.
The carpenter measured the board twice.
The roof was repaired before winter.
A good knife should be sharpened often.
The walls are painted white.
The lamp hangs above the table.
The garden is small but full of flowers.
Roses need sun, and ferns need shade.
The cat sleeps on the warm stove.
Our dog is afraid of cats.
Two swans built a nest by the lake.
The farmer has forty sheep and a mule.
The fox waited until the hens were asleep.
Cows give more milk in summer.
The forest is home to deer, owls and wild boars.
Dr. Miller works at St. Mary's Hospital.
Mr. and Mrs. Lee live on the third floor.
The talk starts at 6 p.m. in room 12.
Some fruits, e.g. bananas, are rich in sugar.
The firm (founded in 1902) still belongs to the family.
One thing is certain: the bridge must be repaired.
The choice is simple - stay or leave.
There are two kinds of people; I am the second kind.
The longer he waited, the colder it got.
If it snows, the school will be closed.
When the bell rang, the children ran outside.
Because the road was icy, we drove slowly.
Although she was tired, she finished the book.
Unless you object, I will send the letter tomorrow.
What he said was true.
Whoever finds the ring may keep it.
It was Maria who repaired the radio.
Not only the roof but also the cellar was damp.
Neither the baker nor the barber was open.
The man who lives next door repairs old clocks.
The house, which was built in 1910, has a large cellar.
Having lost his keys, he slept at a friend's.
To win, you must take risks.
There used to be a cinema here.
Were it not for the noise, I would sleep here.
Long ago, in a small village, there lived a poor weaver.
Once upon a time there was a king who could not sleep.
The sea was calm, the sky was clear, and nobody spoke.
Nothing moved except a single leaf.
Behind the door stood a tall man with a candle.
Slowly, the snow covered the tracks.
Her hair was grey, yet her voice was young.
He opened the letter with trembling hands.
They walked home in silence.
The last bus had already left.
In short, the method works.
For example, a spider has eight legs.
On the other hand, trains are slower.
As a result, fewer people were hurt.
However, the figures should be read with care.
In my opinion, the first version is better.
Here is what you need for the tent:
These are the main points:
The following countries took part:
Chapter Three
Opening hours
Conclusion
- two cups of flour
- Turn off the gas.
- Wear gloves.
1. Open the valve.
2. Wait for the signal.
Kind regards, Peter
"""
