"""From packages for LangChain."""

from __future__ import annotations

from migration_rows import (
    ABSENT,
    KEY,
    KEY_HERE,
    LEAVE,
    NO_KEY,
    NO_MODEL,
    NO_URL,
    ONE_KEY,
    ONE_URL,
    OWN_CLIENT,
    REFUSED,
    SAME,
    URL,
    URL_HERE,
    Row,
)

__all__ = ["CHAT_GRADIENT", "CHAT_OPENAI", "LANGCHAIN_DIGITALOCEAN", "OPENAI_EMBEDDINGS"]


def chat(arguments: str) -> str:
    """Return code that makes LangChain's model and calls it."""
    return f"ChatDigitalOcean(model=M, {arguments}).invoke('hi')"


def vectors(arguments: str) -> str:
    """Return code that makes LangChain's embeddings and calls them."""
    return f"DigitalOceanEmbeddings(model=V, {arguments}).embed_query('hi')"


CHAT_OPENAI = (
    Row(
        "`model=`, `model_name=`",
        SAME,
        "Both names work.",
        "ChatDigitalOcean(NAME=M).invoke('hi')",
        sent={"model": "MODEL"},
    ),
    Row("no `model=`", "`model=`", "Refused: " + NO_MODEL, "ChatDigitalOcean()", says="model: it has no default"),
    Row(
        "`base_url=` with DigitalOcean's address",
        LEAVE,
        "It works, and is the default.",
        "model = ChatDigitalOcean(model=M, base_url='https://inference.do-ai.run/v1')\n"
        "assert model.base_url == Client().base_url",
        env=NO_URL,
    ),
    Row("`openai_api_base=`", URL_HERE, ONE_URL, chat(f"openai_api_base={URL}"), says="base_url="),
    Row("`api_key=`", SAME, "A function that returns the key works too.", chat("api_key=lambda: emu.api_key")),
    Row("`openai_api_key=`", KEY_HERE, ONE_KEY, chat(f"openai_api_key={KEY}"), says="api_key="),
    Row(
        "`OPENAI_API_KEY`",
        KEY_HERE,
        "Not read: it may hold OpenAI's key. Where no key is found, the error says so.",
        "ChatDigitalOcean(model=M)",
        says="OPENAI_API_KEY is set, but not read",
        env={**NO_KEY, "OPENAI_API_KEY": "sk-ELSEWHERE1"},
    ),
    Row(
        "`OPENAI_BASE_URL`, `OPENAI_API_BASE`",
        URL_HERE,
        "Not read. If you give the key of `OPENAI_API_KEY`, which goes elsewhere there, you are warned.",
        "ChatDigitalOcean(model=M, api_key=os.environ['OPENAI_API_KEY'])",
        warns="NAME is set, but not read: requests go to https://inference.do-ai.run/v1",
        env={**NO_URL, "OPENAI_API_KEY": "sk-ELSEWHERE1", "NAME": "https://gateway.example/v1"},
    ),
    Row(
        "`temperature=`",
        SAME,
        "Neither has a default: the model's own counts.",
        chat("max_retries=2"),
        sent={"temperature": ABSENT},
    ),
    Row(
        "`max_tokens=`, `max_completion_tokens=`",
        SAME,
        "Two names of one limit; sent as `max_completion_tokens`.",
        chat("NAME=9"),
        sent={"max_completion_tokens": 9, "max_tokens": ABSENT},
    ),
    Row("`stop=`, `stop_sequences=`", SAME, "", chat("NAME=['.']"), sent={"stop": ["."]}),
    Row(
        "`timeout=30`, `request_timeout=30`",
        SAME,
        "Seconds for each phase of a call. The default waits 600 s for the first token and 120 s between two events.",
        "assert ChatDigitalOcean(model=M, NAME=30).timeout == 30; assert Timeout().first_token == 600; "
        "assert Timeout().idle == 120",
    ),
    Row(
        "`timeout=httpx.Timeout(...)`, or a tuple",
        "`timeout=inference_do.Timeout(...)`",
        "Refused: these phases are not httpx's. `first_token=` and `idle=` stand for its `read`.",
        chat("timeout=httpx.Timeout(5)"),
        says="an inference_do.Timeout, not an httpx.Timeout",
    ),
    Row(
        "`stream_chunk_timeout=`",
        "`timeout=Timeout(idle=...)`",
        REFUSED,
        chat("stream_chunk_timeout=60"),
        says="timeout=Timeout(idle=...)",
    ),
    Row(
        "`max_retries=`",
        SAME,
        "2 by default in both. A wait for room under the rate limit is no retry here: `rate_limit_wait=` bounds it.",
        "assert ChatDigitalOcean(model=M).max_retries == 2; assert ChatDigitalOcean(model=M).rate_limit_wait == 60",
    ),
    Row(
        "`streaming=`, `stream_usage=`",
        SAME,
        "Streams report usage unless you say `stream_usage=False`. There they do not by themselves, with another "
        "address than OpenAI's.",
        "list(ChatDigitalOcean(model=M, NAME=True).stream('hi'))",
        sent={"stream_options": {"include_usage": True}},
    ),
    Row(
        "`stream_options=`",
        SAME,
        "",
        "list(ChatDigitalOcean(model=M, stream_options={'include_usage': False}).stream('hi'))",
        sent={"stream_options": {"include_usage": False}},
    ),
    Row(
        "`seed=`, `n=`, `logprobs=`, `top_p=`, ...",
        SAME,
        "The API's own fields.",
        chat("seed=1, n=1, logprobs=True, top_p=0.5"),
        sent={"seed": 1, "n": 1, "logprobs": True, "top_p": 0.5},
    ),
    Row("`reasoning_effort=`", SAME, "", chat("reasoning_effort='low'"), sent={"reasoning_effort": "low"}),
    Row(
        "`reasoning=`",
        SAME,
        'An effort alone is enough: `reasoning="low"`.',
        chat("reasoning={'effort': 'low'}"),
        sent={"reasoning": {"effort": "low"}},
    ),
    Row(
        "`verbosity=`, `service_tier=`, `store=`",
        SAME,
        "Sent as they are.",
        chat("verbosity='low', service_tier='auto', store=False"),
        sent={"verbosity": "low", "service_tier": "auto", "store": False},
    ),
    Row(
        "`include=`, `truncation=`",
        SAME,
        "Fields of `/responses`: a model that is not on it refuses them.",
        "ChatDigitalOcean(model=R, truncation='auto', include=['reasoning.encrypted_content']).invoke('hi')",
        sent={"truncation": "auto", "include": ["reasoning.encrypted_content"]},
    ),
    Row(
        "`use_responses_api=True`",
        SAME + ', or `api="responses"`',
        'Rarely needed: each model\'s API is known, and `api="auto"` chooses.',
        "ChatDigitalOcean(model=R, use_responses_api=True).invoke('hi')\n"
        "assert emu.requests[-1].path.endswith('/responses')",
    ),
    Row(
        "`use_previous_response_id=`",
        LEAVE,
        "Refused: the whole conversation is sent each time.",
        chat("use_previous_response_id=True"),
        says="the whole conversation is sent each time: leave it out",
    ),
    Row(
        "`context_management=`",
        '`extra_body={"context_management": ...}`',
        REFUSED,
        chat("context_management=[]"),
        says="extra_body",
    ),
    Row(
        "`prompt_cache_options=`",
        "`prompt_cache_retention=`, `cache_control=`",
        REFUSED,
        chat("prompt_cache_options={'ttl': '30m'}"),
        says="prompt_cache_retention=, for Anthropic's models cache_control=",
    ),
    Row("`extra_body=`, `model_kwargs=`", SAME, "", chat("NAME={'top_k': 3}"), sent={"top_k": 3}),
    Row(
        "a name that nobody knows, as in `top_k=`",
        SAME,
        'Sent as it is, with a warning: `extra_body={"top_k": 3}` says that it is meant.',
        chat("top_k=3"),
        warns="put it into model_kwargs or extra_body",
    ),
    Row(
        "a slip, as in `temprature=`",
        "`temperature=`",
        "Refused.",
        chat("temprature=0"),
        says="did you mean 'temperature'?",
    ),
    Row("`default_headers=`, `default_query=`", SAME, "Not shown, not pickled.", chat("NAME={'X-Team': 'a'}")),
    Row(
        "`http_client=`, `http_async_client=`",
        SAME,
        "Clients of httpx and of httpx2.",
        chat("http_client=HTTP, http_async_client=None"),
    ),
    Row(
        "`client=`, `async_client=`, `root_client=`, `root_async_client=`",
        OWN_CLIENT,
        "Refused: they are clients of the openai SDK.",
        chat("NAME=object()"),
        says="there is no argument 'NAME': use http_",
    ),
    Row(
        "`http_socket_options=`",
        "`http_client=httpx.Client(transport=...)`",
        REFUSED,
        chat("http_socket_options=[]"),
        says="http_client=httpx.Client(",
    ),
    Row(
        "`openai_proxy=`",
        "`HTTPS_PROXY`, or `http_client=httpx.Client(proxy=...)`",
        REFUSED,
        chat("openai_proxy='http://p.example'"),
        says="HTTPS_PROXY, or give http_client=httpx.Client(proxy=...)",
    ),
    Row(
        "`organization=`, `openai_organization=`",
        LEAVE,
        "Refused: DigitalOcean has none.",
        chat("NAME='o'"),
        says="leave it out",
    ),
    Row(
        "`disabled_params=`",
        LEAVE,
        "Refused: what is None is never sent.",
        chat("disabled_params={'n': None}"),
        says="leave it out",
    ),
    Row(
        "`tiktoken_model_name=`",
        "`custom_get_token_ids=`",
        "Refused: token counts are estimates that need no download.",
        chat("tiktoken_model_name='gpt-4'"),
        says="custom_get_token_ids=",
    ),
    Row(
        '`init_chat_model("openai:...", base_url=...)`',
        '`langchain_do.register()`, then `init_chat_model("digitalocean:...")`',
        "LangChain has no public way to add a provider.",
        "from langchain.chat_models import init_chat_model\n"
        "langchain_do.register()\n"
        "init_chat_model('digitalocean:' + M).invoke('hi')",
    ),
    Row(
        "`except openai.RateLimitError`, `openai.AuthenticationError`, `openai.APITimeoutError`, ...",
        "`except inference_do.RateLimitError`, ...",
        "The same names in `inference_do`. openai's classes are never raised here.",
        "try:\n    ChatDigitalOcean(model=M, api_key='sk-do-v1-ELSEWHERE1').invoke('hi')\n"
        "except inference_do.AuthenticationError:\n    pass\n"
        "for name in ('RateLimitError', 'AuthenticationError', 'APITimeoutError', 'PermissionDeniedError',\n"
        "             'BadRequestError', 'NotFoundError', 'APIConnectionError', 'APIStatusError', 'ConflictError'):\n"
        "    assert issubclass(getattr(inference_do, name), inference_do.InferenceError)",
    ),
    Row(
        "`except openai.OpenAIError`, `openai.APIError`",
        "`except inference_do.InferenceError`",
        "The base of all errors.",
        "try:\n    ChatDigitalOcean(model='no-such-model').invoke('hi')\nexcept inference_do.InferenceError:\n    pass",
    ),
    Row(
        '`response_metadata["token_usage"]`, `usage_metadata`',
        SAME,
        "`usage_metadata` is LangChain's own form.",
        "answer = ChatDigitalOcean(model=M).invoke('hi')\n"
        "total = answer.usage_metadata['total_tokens']\n"
        "assert answer.response_metadata['token_usage']['total_tokens'] == total > 0",
    ),
    Row(
        "`from ... import ChatOpenAI`",
        "`from langchain_do import ChatDigitalOcean`",
        "Refused by name.",
        "from langchain_do import ChatOpenAI",
        says="here it is ChatDigitalOcean",
    ),
)


OPENAI_EMBEDDINGS = (
    Row(
        "`model=`, `deployment=`",
        "`model=`",
        "There is no default, and `deployment` is refused.",
        "assert DigitalOceanEmbeddings(model=V); DigitalOceanEmbeddings(deployment=V)",
        says="use model=",
    ),
    Row(
        "`api_key=`, `base_url=`",
        SAME,
        "As for `ChatOpenAI` above, with every other name of them.",
        vectors("api_key=emu.api_key, base_url=emu.base_url"),
    ),
    Row(
        "`dimensions=`",
        '`extra_body={"dimensions": ...}`',
        "Refused: few models have them.",
        vectors("dimensions=256"),
        says="put it into extra_body",
    ),
    Row(
        "`chunk_size=`",
        SAME,
        "Texts in one request: 256 by default, there 1,000. Long texts go in smaller requests, several at once.",
        "assert DigitalOceanEmbeddings(model=V).chunk_size == 256; " + vectors("chunk_size=10"),
    ),
    Row("`show_progress_bar=`", SAME, "", vectors("show_progress_bar=False")),
    Row(
        "`encoding_format=`",
        SAME,
        "`base64` by default, which is half as long; you get numbers either way.",
        vectors("max_retries=2"),
        sent={"encoding_format": "base64"},
    ),
    Row("`headers=`", "`default_headers=`", REFUSED, vectors("headers={'X-Team': 'a'}"), says="default_headers="),
    Row(
        "`check_embedding_ctx_length=False`, `tiktoken_enabled=`, `embedding_ctx_length=`",
        LEAVE,
        "Refused: texts are sent as they are. There you need it, since tokens are sent unless you turn that off.",
        vectors("NAME=False"),
        says="'NAME': texts are sent as they are: leave it out",
    ),
    Row("`skip_empty=`", LEAVE, "Refused, as above.", vectors("skip_empty=True"), says="leave it out"),
    Row(
        "`retry_min_seconds=`, `retry_max_seconds=`",
        "`max_retries=`",
        "Refused: pauses follow what the API says.",
        vectors("NAME=4"),
        says="'NAME': use max_retries=",
    ),
    Row("`openai_api_type=`, `openai_api_version=`", LEAVE, REFUSED, vectors("NAME='azure'"), says="leave it out"),
    Row(
        "`from ... import OpenAIEmbeddings`",
        "`from langchain_do import DigitalOceanEmbeddings`",
        "Refused by name.",
        "from langchain_do import OpenAIEmbeddings",
        says="here it is DigitalOceanEmbeddings",
    ),
)


CHAT_GRADIENT = (
    Row(
        "`ChatGradient`",
        "`ChatDigitalOcean`",
        "Refused by name.",
        "from langchain_do import ChatGradient",
        says="here it is ChatDigitalOcean",
    ),
    Row(
        "`ChatGradient()`",
        '`ChatDigitalOcean(model="llama3.3-70b-instruct")`',
        NO_MODEL.capitalize(),
        "ChatDigitalOcean()",
        says="model: it has no default",
    ),
    Row(
        "`model_name=`",
        "`model=`",
        "Both names work.",
        "ChatDigitalOcean(NAME=M).invoke('hi')",
        sent={"model": "MODEL"},
    ),
    Row(
        "`DIGITALOCEAN_INFERENCE_KEY`",
        SAME,
        "Read when the object is made; there when the module is imported.",
        "ChatDigitalOcean(model=M).invoke('hi')",
    ),
    Row(
        "`stream=True`",
        "`streaming=True`",
        "Both names work: `invoke` streams.",
        chat("stream=True"),
        sent={"stream": True},
    ),
    Row(
        '`stream_options={"include_usage": True}`',
        LEAVE,
        "It works; streams report usage anyway.",
        "list(ChatDigitalOcean(model=M, stream_options={'include_usage': True}).stream('hi'))",
        sent={"stream_options": {"include_usage": True}},
    ),
    Row("`stop=`, `stop_sequences=`", SAME, "", chat("NAME='.'"), sent={"stop": "."}),
    Row(
        "`max_tokens=`, `max_completion_tokens=`",
        SAME,
        "Sent as `max_completion_tokens`.",
        chat("NAME=9"),
        sent={"max_completion_tokens": 9},
    ),
    Row(
        "`metadata=`",
        '`extra_body={"metadata": ...}`',
        "In both it is LangChain's: part of traces, and not sent, although ChatGradient's page says it is.",
        chat("metadata={'a': 'b'}"),
        sent={"metadata": ABSENT},
    ),
    Row(
        "`user=`",
        SAME,
        "Nothing is sent by default; there it is `langchain-gradient`.",
        chat("max_retries=2"),
        sent={"user": ABSENT},
    ),
    Row(
        "`tools=`, `tool_choice=`",
        SAME + ", or `bind_tools(...)`",
        "",
        chat("tools=TOOLS, tool_choice='auto'"),
        sent={"tool_choice": "auto"},
    ),
    Row(
        "`timeout=120`",
        SAME,
        "120 s is its default. Here a number is the limit of each phase, and no budget of retries.",
        "assert ChatDigitalOcean(model=M, timeout=120).timeout == 120",
    ),
    Row(
        "one connection for each call",
        "connections are kept",
        "Nothing to write.",
        "model = ChatDigitalOcean(model=M); model.invoke('hi'); model.invoke('hi')",
    ),
)


LANGCHAIN_DIGITALOCEAN = (
    Row(
        "`from langchain_digitalocean import ChatDigitalOcean`",
        "`from langchain_do import ChatDigitalOcean`",
        "Two packages, one class name. Both can be installed; the module says which one you have.",
        "assert ChatDigitalOcean.__module__.startswith('langchain_do')",
    ),
    Row(
        "`ChatDigitalOcean()`",
        '`ChatDigitalOcean(model="llama3.3-70b-instruct")`',
        NO_MODEL.capitalize(),
        "ChatDigitalOcean()",
        says="model: it has no default",
    ),
    Row(
        "`DIGITALOCEAN_MODEL_ACCESS_KEY`",
        KEY_HERE,
        "Not read; where no key is found, the error says so.",
        "ChatDigitalOcean(model=M)",
        says="DIGITALOCEAN_MODEL_ACCESS_KEY is set, but not read",
        env={**NO_KEY, "DIGITALOCEAN_MODEL_ACCESS_KEY": "sk-ELSEWHERE1"},
    ),
    Row(
        "`api_key=`",
        SAME,
        "It is used. There it is ignored: only the variable counts.",
        "ChatDigitalOcean(model=M, api_key=emu.api_key).invoke('hi')",
        env=NO_KEY,
    ),
    Row(
        "`timeout=None`",
        SAME,
        "The default phases; there 30 s.",
        "assert ChatDigitalOcean(model=M, timeout=None).timeout is None",
    ),
    Row(
        "`buffer_length=`",
        LEAVE,
        "Of that package's template; here an unknown field: sent with a warning, and the API refuses this argument.",
        chat("buffer_length=50"),
        warns="buffer_length is no argument of this class",
        says="Unrecognized request argument supplied: buffer_length",
    ),
    Row(
        "`bind_tools(...)`, `ainvoke(...)`",
        SAME,
        "They work; there tools are not implemented, and async calls run in threads.",
        "ChatDigitalOcean(model=M).bind_tools(TOOLS).invoke('hi')",
        sent={"tools": "TOOLS"},
    ),
    Row(
        "`LangchainDigitaloceanEmbeddings`",
        "`DigitalOceanEmbeddings`",
        "Refused by name.",
        "from langchain_do import LangchainDigitaloceanEmbeddings",
        says="DigitalOceanEmbeddings",
    ),
    Row(
        "`LangchainDigitaloceanRetriever`",
        "`DigitalOceanKnowledgeBaseRetriever`",
        "Refused by name.",
        "from langchain_do import LangchainDigitaloceanRetriever",
        says="DigitalOceanKnowledgeBaseRetriever",
    ),
)
