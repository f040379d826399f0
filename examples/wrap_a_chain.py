"""An existing chain, and the one line that aligns it: `python examples/wrap_a_chain.py`.

The bundled pair of small local models does sums: the upstream forgets a carry now and then, the aligner corrects the
step, and the upstream goes on from there. Needs `pip install "stream-aligner-lc[local]"`, no key and no GPU.
"""

from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.sums import pair

PROMPT = ChatPromptTemplate.from_messages([("human", "{question}")])
QUESTION = "Ana has 14 coins. Ana finds 27. Ana loses 8. How many coins does Ana have now?"


def answer(llm: BaseChatModel) -> None:
    """Run the chain, which is the same for either model, and print what it streams."""
    chain = PROMPT | llm | StrOutputParser()
    for text in chain.stream({"question": QUESTION}):
        print(text, end="", flush=True)
    print()


def main() -> None:
    """Answer a question without and with the aligner."""
    llm: BaseChatModel = pair.upstream()  # with a real model: ChatOpenAI(model="...")
    print("bare:    ", end="")
    answer(llm)
    llm = StreamAlignedChat(llm, pair.aligner())  # the one line
    print("aligned: ", end="")
    answer(llm)


if __name__ == "__main__":
    main()
