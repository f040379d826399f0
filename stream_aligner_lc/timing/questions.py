"""What is asked where nobody names questions: everyday matters, whose answers have some sentences."""

ORDINARY = (
    "In five sentences, how do I poach an egg?",
    "In five sentences, why is the sky blue?",
    "In five sentences, how does a bicycle stay upright?",
    "In five sentences, what should I see in Lisbon in a day?",
    "In five sentences, how do I repot a house plant?",
    "In five sentences, why does bread dough need to rest?",
    "In five sentences, how do noise-cancelling headphones work?",
    "In five sentences, how do I write a good letter of complaint?",
    "In five sentences, what makes a tide rise and fall?",
    "In five sentences, how do I teach a child to swim?",
    "In five sentences, what does a conductor do?",
)
