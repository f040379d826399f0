"""A local model as a chat model: one reply in every way of asking, continued where it was left, and clear refusals."""

import asyncio
import gc
import weakref

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField
from pydantic import ValidationError

from stream_aligner_lc import StreamAlignedChat
from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.chat import ChatTransformers
from stream_aligner_lc.local.decoding import greedy
from stream_aligner_lc.testing import AcceptAligner, ReplaceAligner
from tests.local.small_models import SpeakingModel, Watch, generated, save, saying, small_llama, tokenizer

REPLY = "We add 3 and 4 first.\n\n- That is 7.  \n- The answer is 7.\n"
QUESTION = "How many are 3 and 4?"


def speaker(text=REPLY, *, otherwise="", **options):
    model = SpeakingModel(saying(text, otherwise))
    return ChatTransformers.from_model(model, model.tokenizer, **options)


def watched(chat):
    return Watch(chat._local.load().model)


def total(chunks):
    return sum(chunks[1:], start=chunks[0])


def ask(model, prompt=QUESTION, **kwargs):
    return model.invoke(prompt, **kwargs)


def aask(model, prompt=QUESTION, **kwargs):
    return asyncio.run(model.ainvoke(prompt, **kwargs))


def read(model, prompt=QUESTION, **kwargs):
    return total(list(model.stream(prompt, **kwargs)))


def aread(model, prompt=QUESTION, **kwargs):
    async def collect():
        return [chunk async for chunk in model.astream(prompt, **kwargs)]

    return total(asyncio.run(collect()))


every_way = pytest.mark.parametrize("way", [ask, aask, read, aread])
both_colours = pytest.mark.parametrize("way", [ask, aread])


@every_way
def test_every_way_of_asking_gets_the_same_reply(way):
    message = way(speaker())
    assert message.content == REPLY
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.response_metadata["model_name"] == "SpeakingModel"
    assert message.id.startswith("lc_run-")


@every_way
def test_a_greedy_reply_is_that_of_generate(way):
    model, own = small_llama(), tokenizer()
    chat = ChatTransformers.from_model(model, own, max_tokens=40)
    prompt = own.apply_chat_template([{"role": "user", "content": QUESTION}], add_generation_prompt=True)["input_ids"]
    expected = generated(model, prompt, 40, eos_token_id=1)
    assert way(chat).content == own.decode(expected, skip_special_tokens=True)


def test_it_streams_token_by_token():
    chunks = [chunk.text for chunk in speaker().stream(QUESTION)]
    assert len([text for text in chunks if text]) > 10


def test_a_batch_is_as_one_after_the_other():
    chat = speaker()
    assert [message.content for message in chat.batch([QUESTION, "And 5?"])] == [REPLY, REPLY]
    assert [message.content for message in asyncio.run(chat.abatch([QUESTION] * 3))] == [REPLY] * 3


def test_it_is_a_link_of_a_chain():
    chain = ChatPromptTemplate.from_messages([("system", "Add."), ("human", "{question}")]) | speaker()
    assert (chain | StrOutputParser()).invoke({"question": QUESTION}) == REPLY


@every_way
def test_usage_counts_every_token_read_and_written_and_what_was_reused(way):
    chat = speaker()
    size = chat.get_num_tokens_from_messages([HumanMessage(QUESTION)])
    written = len(chat.get_token_ids(REPLY)) + 1
    for cache_read in (0, size - 1):
        usage = way(chat).usage_metadata
        assert usage["input_tokens"] == size
        assert usage["output_tokens"] == written
        assert usage["total_tokens"] == size + written
        assert usage["input_token_details"] == {"cache_read": cache_read}


def test_tokens_are_counted_with_the_model_s_own_tokenizer():
    chat, own = speaker(), tokenizer()
    assert chat.get_num_tokens(REPLY) == len(own(REPLY)["input_ids"])
    messages = [{"role": "user", "content": "3?"}]
    whole = own.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
    assert chat.get_num_tokens_from_messages([HumanMessage("3?")]) == len(whole)


@both_colours
@pytest.mark.parametrize("end", [0, 2, 22, 25, len(REPLY) - 1, len(REPLY)])
def test_a_trailing_assistant_message_is_continued_to_the_same_reply(way, end):
    prefix = REPLY[:end]
    message = way(speaker(), [HumanMessage(QUESTION), AIMessage(prefix)])
    assert prefix + message.content == REPLY


def words_alone(model, own):
    """Let a random model say whole words, which its tokenizer cuts the same way again."""
    others = [
        token for token in range(len(own)) if not own.decode([token])[:2].strip() or own.decode([token])[0] != " "
    ]
    model.generation_config.suppress_tokens = others
    return model


def test_a_greedy_reply_continued_from_anywhere_is_the_reply_in_one_go():
    own, continued = tokenizer(), 0
    model = words_alone(small_llama(), own)
    chat = ChatTransformers.from_model(model, own, max_tokens=20)
    prompt = own.apply_chat_template([{"role": "user", "content": QUESTION}], add_generation_prompt=True)["input_ids"]
    ids = generated(model, prompt, 20, eos_token_id=1)
    reply = ask(chat).content
    assert reply == own.decode(ids)
    for end in range(1, 20):
        prefix = own.decode(ids[:end])
        if chat.get_token_ids(prefix) == ids[:end]:
            rest = chat.invoke([HumanMessage(QUESTION), AIMessage(prefix)], max_tokens=20 - end)
            assert prefix + rest.content == reply
            continued += 1
    assert continued > 5


def test_a_continued_reply_reads_only_what_is_new():
    chat = speaker()
    watch = watched(chat)
    first = ask(chat)
    watch.fed.clear()
    prefix = REPLY[: REPLY.index("7") + 2]
    message = ask(chat, [HumanMessage(QUESTION), AIMessage(prefix)])
    usage = message.usage_metadata
    assert usage["input_tokens"] == first.usage_metadata["input_tokens"] + len(chat.get_token_ids(prefix))
    assert usage["input_token_details"]["cache_read"] == usage["input_tokens"] - 1
    assert set(watch.fed) == {1}


def test_a_trailing_assistant_message_can_be_closed_and_a_human_one_left_open():
    chat = speaker(text="No.", otherwise="Well.")
    messages = [HumanMessage(QUESTION), AIMessage("7.")]
    assert ask(chat, messages, continue_final_message=False).content == "No."
    open_ended = chat.get_num_tokens_from_messages(messages[:1])
    assert ask(chat, messages[:1], continue_final_message=True).usage_metadata["input_tokens"] < open_ended


stops = pytest.mark.parametrize(
    ("stop", "text"),
    [
        (["\n\n"], "We add 3 and 4 first."),
        (["nothing of the kind"], REPLY),
        (["and", "add"], "We "),
        ([" 7"], "We add 3 and 4 first.\n\n- That is"),
        ([".\n"], "We add 3 and 4 first"),
        ([REPLY[-3:]], REPLY[:-3]),
    ],
)


@both_colours
@stops
def test_a_reply_ends_before_a_stop_sequence(way, stop, text):
    message = way(speaker(), stop=stop)
    assert message.content == text
    assert message.response_metadata["finish_reason"] == "stop"


@stops
def test_a_stop_sequence_may_be_bound_or_belong_to_the_object(stop, text):
    assert ask(speaker().bind(stop=stop)).content == text
    assert ask(speaker(stop=stop)).content == text
    assert ask(speaker(stop=["We"]), stop=stop).content == text


def test_one_stop_sequence_need_not_be_a_list():
    assert ask(speaker(), stop="\n\n").content == "We add 3 and 4 first."


def test_no_token_is_made_after_a_stop_sequence():
    chat = speaker()
    watch = watched(chat)
    message = ask(chat, stop=["add"])
    assert watch.count == message.usage_metadata["output_tokens"] == len(chat.get_token_ids("We add"))


@every_way
@pytest.mark.parametrize("count", [1, 5])
def test_a_reply_ends_at_its_limit(way, count):
    for message in (way(speaker(max_tokens=count)), way(speaker(max_tokens=3), max_tokens=count)):
        assert REPLY.startswith(message.content)
        assert message.usage_metadata["output_tokens"] == count
        assert message.response_metadata["finish_reason"] == "length"


def test_the_model_s_own_limit_counts_where_nobody_says_another():
    chat = speaker()
    chat._local.load().model.generation_config.max_new_tokens = 4
    assert ask(chat).usage_metadata["output_tokens"] == 4
    assert ask(chat, max_tokens=6).usage_metadata["output_tokens"] == 6


def test_a_reply_fills_the_model_s_context_and_no_more():
    model = SpeakingModel(lambda prompt, said: "7", max_tokens=40)
    chat = ChatTransformers.from_model(model, model.tokenizer)
    message = ask(chat)
    assert message.usage_metadata["total_tokens"] == 40
    assert message.response_metadata["finish_reason"] == "length"
    assert ask(chat, max_tokens=1000).usage_metadata["total_tokens"] == 40


@both_colours
def test_a_prompt_that_is_too_long_is_an_error_with_both_numbers(way):
    model = SpeakingModel(lambda prompt, said: "7", max_tokens=40)
    chat = ChatTransformers.from_model(model, model.tokenizer)
    with pytest.raises(ConfigurationError, match=r"The prompt has \d+ tokens, and 'SpeakingModel' can attend to 40"):
        way(chat, QUESTION * 10)


@both_colours
def test_a_tokenizer_without_a_chat_template_is_an_error_that_names_the_option(way):
    model = SpeakingModel(saying("Yes."))
    bare = tokenizer(chat_template=None)
    with pytest.raises(ConfigurationError, match=r"'SpeakingModel' has no chat template.*`chat_template`"):
        way(ChatTransformers.from_model(model, bare))
    given = ChatTransformers.from_model(model, bare, chat_template=model.tokenizer.chat_template)
    assert way(given).content == "Yes."


def test_system_tool_and_other_messages_have_their_places_in_the_template():
    prompts = []

    def speak(prompt, said):
        prompts.append(prompt)
        return ""

    model = SpeakingModel(speak)
    chat = ChatTransformers.from_model(model, model.tokenizer)
    chat.invoke(
        [
            SystemMessage("Add."),
            HumanMessage([{"type": "text", "text": "3 and "}, "4"]),
            AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "7."}]),
            ChatMessage("Sure?", role="user"),
            ToolMessage("It is 7.", tool_call_id="1"),
        ]
    )
    said = "<|system|>Add.<|end|><|user|>3 and 4<|end|><|assistant|>7.<|end|><|user|>Sure?<|end|>"
    assert prompts[-1] == f"{said}<|tool|>It is 7.<|end|><|assistant|>"


IMAGE = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}


@both_colours
@pytest.mark.parametrize(
    ("message", "said"),
    [
        (HumanMessage([{"type": "text", "text": "What is this?"}, IMAGE]), "'human' holds image"),
        (HumanMessage([{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]), "holds image"),
        (AIMessage("", tool_calls=[{"name": "add", "args": {}, "id": "1"}]), "'ai' holds tool_call"),
        (RemoveMessage(id="1"), "no role for a message of the type 'remove'"),
    ],
)
def test_what_a_template_has_no_place_for_is_refused(way, message, said):
    with pytest.raises(ConfigurationError, match=said):
        way(speaker(), [HumanMessage(QUESTION), message, HumanMessage("So?")])


@both_colours
def test_an_empty_conversation_is_refused(way):
    with pytest.raises(ConfigurationError, match="nothing to answer"):
        way(speaker(), [])


@both_colours
def test_a_prompt_of_no_tokens_is_refused(way):
    with pytest.raises(ConfigurationError, match="'SpeakingModel' makes nothing of these messages"):
        way(speaker(chat_template="{{ messages[0].content }}"), "")


@both_colours
def test_unknown_settings_of_a_call_are_refused_by_name(way):
    with pytest.raises(ConfigurationError, match="does not know 'frequency_penalty' in a call"):
        way(speaker(), frequency_penalty=1)


def test_unknown_and_impossible_options_are_refused():
    with pytest.raises(ValidationError, match="presence_penalty"):
        speaker(presence_penalty=1)
    with pytest.raises(ValidationError, match="temperature"):
        speaker(temperature=-1)
    with pytest.raises(ConfigurationError, match=r"(?s)hub id, got .*SpeakingModel.*from_model"):
        ChatTransformers(SpeakingModel(saying("")))


def test_tools_are_refused_where_they_are_bound():
    with pytest.raises(NotImplementedError):
        speaker().bind_tools([])


@both_colours
def test_temperature_nought_is_greedy_and_a_seed_repeats_a_sampled_reply(way):
    chat = ChatTransformers.from_model(small_llama(), tokenizer(), max_tokens=20)
    plain = way(chat).content
    assert way(chat, temperature=0).content == plain
    assert way(chat, temperature=3, seed=1).content != plain
    assert way(chat, temperature=3, seed=1).content == way(chat, temperature=3, seed=1).content
    assert way(chat, temperature=3, seed=1).content != way(chat, temperature=3, seed=2).content
    assert way(chat, temperature=3).content != way(chat, temperature=3).content


def test_settings_of_the_object_and_of_its_generation_configuration_count():
    model = small_llama()
    plain = ask(ChatTransformers.from_model(model, tokenizer(), max_tokens=20)).content
    hot = ChatTransformers.from_model(model, tokenizer(), max_tokens=20, temperature=3, seed=1)
    assert ask(hot).content == ask(hot).content != plain
    model.generation_config.update(do_sample=True, temperature=3.0)
    own = ChatTransformers.from_model(model, tokenizer(), max_tokens=20, seed=1)
    assert ask(own).content == ask(hot).content
    assert ask(own, temperature=0).content == plain


def test_whatever_changes_a_reply_changes_what_it_is_cached_under(tmp_path):
    one, two = save(tmp_path / "one"), save(tmp_path / "two")
    settings = [
        {}, {"temperature": 0.5}, {"temperature": 0.7}, {"top_p": 0.5}, {"top_k": 5}, {"repetition_penalty": 1.2},
        {"max_tokens": 5}, {"max_tokens": 6}, {"stop": ["."]}, {"stop": ["!"]}, {"seed": 1}, {"seed": 2},
        {"chat_template": "{{ messages[0].content }}"}, {"dtype": "bfloat16"}, {"revision": "main"},
    ]  # fmt: skip
    models = [ChatTransformers(folder, **options) for folder in (one, two) for options in settings]
    models += [speaker(), speaker("Another one.")]
    keys = [model._get_llm_string(stop=None) for model in models]
    keys += [models[0]._get_llm_string(stop=["."]), models[0]._get_llm_string(stop=None, seed=3)]
    assert len(set(keys)) == len(keys)


def test_the_same_model_under_another_name_has_the_same_key_until_it_is_trained_again(tmp_path, monkeypatch):
    save(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "model")
    names = ["model", "./model", str(tmp_path / "model"), "link"]
    assert len({ChatTransformers(name)._local.identity for name in names}) == 1
    before = ChatTransformers("model")._local.identity
    save(tmp_path / "model", small_llama(hidden_size=64))
    assert ChatTransformers("model")._local.identity != before


def test_a_cached_reply_is_only_that_of_the_same_settings():
    cache = InMemoryCache()
    model = SpeakingModel(saying(REPLY))
    local = ChatTransformers.from_model(model, model.tokenizer)._local
    chats = [ChatTransformers("same", _local=local, max_tokens=count, cache=cache) for count in (3, 5, 3)]
    watch = Watch(model)
    replies = [ask(chat).content for chat in chats]
    assert replies[0] == replies[2] != replies[1]
    assert watch.count == 3 + 5


def test_configured_and_bound_models_answer_alike():
    class Names(BaseCallbackHandler):
        def __init__(self):
            self.names = []

        def on_chat_model_start(self, serialized, messages, *, name=None, tags=None, **kwargs):
            self.names.append((name, tags))

    handler = Names()
    chat = speaker().with_config(run_name="sums", tags=["local"], callbacks=[handler])
    assert chat.bind(max_tokens=3).invoke(QUESTION).usage_metadata["output_tokens"] == 3
    assert handler.names == [("sums", ["local"])]
    copied = speaker().model_copy(update={"max_tokens": 2})
    assert ask(copied).usage_metadata["output_tokens"] == 2


def test_every_token_is_reported_to_the_user_s_handlers():
    class Tokens(BaseCallbackHandler):
        def __init__(self):
            self.tokens = []

        def on_llm_new_token(self, token, **kwargs):
            self.tokens.append(token)

    handler = Tokens()
    list(speaker().stream(QUESTION, config={"callbacks": [handler]}))
    assert "".join(handler.tokens) == REPLY


def test_a_model_of_a_folder_is_loaded_when_it_is_first_asked(tmp_path):
    chat = ChatTransformers(save(tmp_path), max_tokens=3)
    assert not chat._local.is_loaded
    message = ask(chat)
    assert message.usage_metadata["output_tokens"] <= 3
    assert message.response_metadata["model_name"] == tmp_path.name
    assert ChatTransformers(tmp_path).load()._local.is_loaded


def test_settings_that_are_configured_at_run_time_load_nothing_anew(tmp_path):
    chat = ChatTransformers(save(tmp_path), max_tokens=5).load()
    limited = chat.configurable_fields(max_tokens=ConfigurableField(id="limit"))
    watch = watched(chat)
    message = limited.with_config(configurable={"limit": 2}).invoke(QUESTION)
    assert message.usage_metadata["output_tokens"] == watch.count <= 2


def test_one_model_is_loaded_once_and_freed_with_the_last_who_holds_it(tmp_path):
    folder = save(tmp_path)
    chats = [ChatTransformers(folder), ChatTransformers(str(tmp_path) + "/"), ChatTransformers(folder, temperature=1)]
    assert len({id(chat._local) for chat in chats}) == 1
    assert ChatTransformers(folder, dtype="bfloat16")._local is not chats[0]._local
    model = weakref.ref(chats[1].load()._local.load().model)
    assert chats[0]._local.is_loaded
    chats.clear()
    gc.collect()
    assert model() is None


class Usage(BaseCallbackHandler):
    """An observer of every upstream call: what it read and what of that it had read before."""

    def __init__(self):
        self.calls = []

    def on_llm_end(self, response, **kwargs):
        self.calls.append(response.generations[0][0].message.usage_metadata)


@every_way
def test_an_aligner_that_accepts_leaves_the_reply_as_it_is_with_one_call(way):
    bare = way(speaker())
    upstream = speaker()
    watch = watched(upstream)
    aligned = way(StreamAlignedChat(upstream, AcceptAligner()))
    assert aligned.content == bare.content == REPLY
    assert aligned.usage_metadata == bare.usage_metadata
    assert watch.count == bare.usage_metadata["output_tokens"]
    assert aligned.response_metadata["finish_reason"] == "stop"


@every_way
def test_a_restart_goes_on_from_the_released_text_and_reads_only_what_is_new(way):
    asked = []

    def speak(prompt, said):
        asked.append(said)
        whole = REPLY.replace("That", "This") if "This" in said else REPLY
        return whole[len(said) :]

    model, usage = SpeakingModel(speak), Usage()
    upstream = ChatTransformers.from_model(model, model.tokenizer)
    watch = Watch(model)
    message = way(StreamAlignedChat(upstream, ReplaceAligner(That="This"), observers=[usage], lookahead=0))
    assert message.content == REPLY.replace("That", "This")
    assert "We add 3 and 4 first.\n\n- This is 7." in asked
    assert watch.fed[0] > 1
    # One pass over what is new, from where the released text and the replaced one part.
    new = [fed for fed in watch.fed[1:] if fed > 1]
    assert len(new) == 1
    assert new[0] <= len(upstream.get_token_ids(" This is 7."))
    restart = usage.calls[-1]
    assert restart["input_token_details"]["cache_read"] == restart["input_tokens"] - new[0]


def test_the_reply_s_own_usage_is_the_sum_of_its_calls():
    def speak(prompt, said):
        return (REPLY.replace("That", "This") if "This" in said else REPLY)[len(said) :]

    model = SpeakingModel(speak)
    usage = Usage()
    upstream = ChatTransformers.from_model(model, model.tokenizer)
    message = ask(StreamAlignedChat(upstream, ReplaceAligner(That="This"), observers=[usage]))
    assert message.content == REPLY.replace("That", "This")
    assert message.usage_metadata["output_tokens"] > 0


def test_a_generator_chosen_by_hand_is_the_one_that_decodes():
    chat = speaker()
    decoder = chat._local.load().decoder
    with decoder.reading(chat._prompt(chat._local.load(), [HumanMessage(QUESTION)], goes_on=None)) as text:
        tokens = text.next(greedy)
    assert len(tokens) == 1
    assert REPLY.startswith(tokenizer().decode(tokens))
