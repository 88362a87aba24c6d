"""From packages for LlamaIndex."""

from __future__ import annotations

from migration_rows import (
    ABSENT,
    KEY,
    KEY_HERE,
    LEAVE,
    NO_MODEL,
    ONE_KEY,
    ONE_URL,
    OWN_CLIENT,
    REFUSED,
    SAME,
    URL,
    URL_HERE,
    Row,
)

__all__ = ["GRADIENT_AI", "LLAMAINDEX_EMBEDDINGS", "OPENAI_LIKE", "RETRIEVERS"]


def llm(arguments: str) -> str:
    """Return code that makes LlamaIndex's LLM and calls it."""
    return f"DigitalOcean(model=M, {arguments}).complete('hi')"


OPENAI_LIKE = (
    Row(
        "`OpenAILike`",
        "`DigitalOcean`",
        "Refused by name.",
        "from llamaindex_do import OpenAILike",
        says="here it is DigitalOcean",
    ),
    Row("`api_base=`", URL_HERE, ONE_URL, llm(f"api_base={URL}"), says="base_url="),
    Row("`api_key=`", SAME, "", llm("api_key=emu.api_key")),
    Row("`model=`", SAME, "There is no default.", "DigitalOcean()", says="model: it has no default"),
    Row(
        "`temperature=`",
        SAME,
        "Not sent unless you give it; there 0.1. Some models refuse any but their own.",
        llm("max_retries=2"),
        sent={"temperature": ABSENT},
    ),
    Row("`max_retries=`", SAME, "2 by default, there 3.", "assert DigitalOcean(model=M).max_retries == 2"),
    Row(
        "`timeout=`",
        SAME,
        "No 60 s for a whole call: each phase has its limit, so that a long answer is not cut.",
        "assert DigitalOcean(model=M, timeout=60.0).timeout == 60; assert Timeout().total is None",
    ),
    Row(
        "`context_window=`",
        LEAVE,
        "It works; known of each model. There it is 3,900 unless you give it.",
        "assert DigitalOcean(model=M).metadata.context_window > 100_000; " + llm("context_window=3900"),
    ),
    Row("`is_chat_model=`", LEAVE, "Refused: every model is one.", llm("is_chat_model=True"), says="leave it out"),
    Row(
        "`is_function_calling_model=`",
        LEAVE,
        "It works; known of each model. There it is False unless you give it.",
        "assert DigitalOcean(model=M).metadata.is_function_calling_model; " + llm("is_function_calling_model=True"),
    ),
    Row(
        "`should_use_structured_outputs=`, `strict=`",
        LEAVE,
        "Refused: it follows the model and the schema.",
        llm("NAME=True"),
        says="leave it out",
    ),
    Row(
        "`tokenizer=`",
        "`Settings.tokenizer`",
        "Refused: LlamaIndex counts by its own setting.",
        llm("tokenizer='gpt2'"),
        says="Settings.tokenizer",
    ),
    Row("`api_version=`", LEAVE, REFUSED, llm("api_version='1'"), says="leave it out"),
    Row(
        "`reuse_client=`",
        LEAVE,
        "Refused: connections are kept, in any number of event loops.",
        llm("reuse_client=False"),
        says="leave it out",
    ),
    Row("`http_client=`", SAME, "", llm("http_client=HTTP")),
    Row(
        "`async_http_client=`",
        "`http_async_client=`",
        "Refused: one name in both frameworks.",
        llm("async_http_client=object()"),
        says="http_async_client=",
    ),
    Row(
        "`openai_client=`, `async_openai_client=`",
        OWN_CLIENT,
        "Refused: they are clients of the openai SDK.",
        llm("NAME=object()"),
        says="'NAME': use http_",
    ),
    Row("`additional_kwargs=`", SAME, "", llm("additional_kwargs={'seed': 1}"), sent={"seed": 1}),
    Row(
        "`reasoning_effort=`, `modalities=`",
        SAME,
        "",
        llm("reasoning_effort='low', modalities=['text']"),
        sent={"reasoning_effort": "low", "modalities": ["text"]},
    ),
    Row("`audio_config=`", "`audio=`", "Refused: the API's field is called so.", llm("audio_config={}"), says="audio="),
    Row("`logprobs=`, `top_logprobs=`", SAME, "", llm("logprobs=True, top_logprobs=2"), sent={"top_logprobs": 2}),
    Row(
        "`response.raw.usage`, `response.raw.choices`",
        '`response.raw["usage"]`, ...',
        "`raw` is a dict. There it is an object of the openai SDK.",
        "raw = DigitalOcean(model=M).complete('hi').raw\n"
        "assert raw['usage']['total_tokens'] > 0 and raw['choices'][0]['message']['content']",
    ),
    Row(
        "`except openai.RateLimitError`, `openai.APITimeoutError`, ...",
        "`except inference_do.RateLimitError`, ...",
        "The same names in `inference_do`; `InferenceError` is the base. openai's classes are never raised here.",
        "try:\n    DigitalOcean(model=M, api_key='sk-do-v1-ELSEWHERE1').complete('hi')\n"
        "except inference_do.InferenceError as error:\n    assert isinstance(error, inference_do.AuthenticationError)\n"
        "assert inference_do.RateLimitError and inference_do.APITimeoutError",
    ),
)


GRADIENT_AI = (
    Row(
        "`GradientAI`",
        "`DigitalOcean`",
        "Refused by name.",
        "from llamaindex_do import GradientAI",
        says="here it is DigitalOcean",
    ),
    Row(
        '`GradientAI("model", "key")`',
        "`DigitalOcean(model=..., api_key=...)`",
        "Refused: by name only.",
        "DigitalOcean(M, 'sk-ELSEWHERE1')",
        says="model=, api_key=",
    ),
    Row("`model_access_key=`", KEY_HERE, ONE_KEY, llm(f"model_access_key={KEY}"), says="api_key="),
    Row(
        "`base_url=`",
        SAME,
        "Without a `/v1` at the end it works too, for DigitalOcean's own hosts.",
        "assert DigitalOcean(model=M, base_url='https://inference.do-ai.run').base_url == 'https://inference.do-ai.run/v1'",
    ),
    Row(
        "a temperature of 0.7, a `top_p` of 1",
        "`temperature=0.7, top_p=1.0`",
        "Not sent unless you give them; there 0.7 and 1.0. So that your answers stay as they were.",
        "DigitalOcean(model=M).complete('hi')",
        sent={"temperature": ABSENT, "top_p": ABSENT},
    ),
    Row(
        "`max_tokens=`",
        SAME,
        "Sent as `max_completion_tokens`.",
        llm("max_tokens=9"),
        sent={"max_completion_tokens": 9},
    ),
    Row(
        "`timeout=60.0`",
        SAME,
        "No 60 s by default: each phase has its limit.",
        "assert Timeout().total is None; " + llm("timeout=60.0"),
    ),
    Row(
        "`context_window=`, `is_function_calling_model=`",
        LEAVE,
        "They work; known of each model. There 4,096 tokens, and True.",
        "assert DigitalOcean(model=M).metadata.context_window > 100_000; "
        + llm("context_window=4096, is_function_calling_model=True"),
    ),
    Row(
        "`num_output=`",
        SAME,
        "By default `max_tokens`, else 256 as there.",
        "assert DigitalOcean(model=M).metadata.num_output == 256",
    ),
    Row(
        "`astream_chat(...)` without `await`",
        "`await llm.astream_chat(...)`",
        "As LlamaIndex has it, so that agents work.",
        "import inspect\n"
        "waiting = DigitalOcean(model=M).astream_chat([])\n"
        "assert inspect.isawaitable(waiting)\n"
        "waiting.close()",
    ),
)


LLAMAINDEX_EMBEDDINGS = (
    Row(
        "`DigitalOceanEmbeddings`",
        "`DigitalOceanEmbedding`",
        "Refused by name. LlamaIndex's classes are singular, LangChain's plural.",
        "from llamaindex_do import DigitalOceanEmbeddings",
        says="here it is DigitalOceanEmbedding",
    ),
    Row(
        "`DigitalOceanEmbedding` with LangChain",
        "`langchain_do.DigitalOceanEmbeddings`",
        "Refused by name.",
        "from langchain_do import DigitalOceanEmbedding",
        says="here it is DigitalOceanEmbeddings",
    ),
    Row("`api_token=`", KEY_HERE, ONE_KEY, f"DigitalOceanEmbedding(model_name=V, api_token={KEY})", says="api_key="),
    Row(
        "`model=`",
        "`model_name=`",
        "Both names work.",
        "DigitalOceanEmbedding(model=V).get_text_embedding('hi')",
        sent={"model": "VECTORS"},
    ),
    Row(
        "no `model=`",
        "`model_name=`",
        "Refused: " + NO_MODEL,
        "DigitalOceanEmbedding()",
        says="model_name: it has no default",
    ),
    Row(
        "`api.digitalocean.com/v2/gen-ai/embeddings`",
        "`inference.do-ai.run/v1/embeddings`",
        "Another endpoint: a model access key is enough.",
        "DigitalOceanEmbedding(model_name=V).get_text_embedding('hi')\n"
        "assert emu.requests[-1].path.endswith('/v1/embeddings')",
    ),
    Row(
        "`embed_batch_size=`",
        SAME,
        "64 by default, there 10.",
        "assert DigitalOceanEmbedding(model_name=V).embed_batch_size == 64",
    ),
)


RETRIEVERS = (
    Row(
        "`GradientKBRetriever`",
        "`DigitalOceanKnowledgeBaseRetriever`",
        "Refused by name, in both frameworks.",
        "from llamaindex_do import GradientKBRetriever",
        says="here it is DigitalOceanKnowledgeBaseRetriever",
    ),
    Row("`knowledge_base_id=`", SAME, "", "assert len(IndexRetriever('11f0').retrieve('hi')) == 4"),
    Row("`api_token=`", KEY_HERE, ONE_KEY, f"IndexRetriever('11f0', api_token={KEY})", says="api_key="),
    Row(
        "`num_results=` with LlamaIndex",
        "`similarity_top_k=`",
        "Refused: LlamaIndex's own name. 4 by default, there 5.",
        "IndexRetriever('11f0', num_results=5)",
        says="similarity_top_k=",
    ),
    Row(
        "`num_results=` with LangChain",
        SAME + ", or `k=`",
        "LangChain's own name. 4 by default.",
        "assert len(ChainRetriever(knowledge_base_id='11f0', num_results=3).invoke('hi')) == 3",
    ),
    Row(
        "`similarity_top_k=` with LangChain",
        "`k=`",
        REFUSED,
        "ChainRetriever(knowledge_base_id='11f0', similarity_top_k=3)",
        says="use k=",
    ),
    Row("`alpha=`", SAME, "", "IndexRetriever('11f0', alpha=0.7).retrieve('hi')", sent={"alpha": 0.7}),
    Row(
        '`filters={"must": [{"key": ...}]}`',
        '`filters={"must": [{"field": ...}]}`',
        "Refused: the API's word is `field`.",
        "IndexRetriever('11f0', filters={'must': [{'key': 'a', 'operator': 'eq', 'value': 'b'}]}).retrieve('hi')",
        says="a condition needs a field",
    ),
    Row("`base_url=`", SAME, "", "IndexRetriever('11f0', base_url=emu.base_url).retrieve('hi')"),
    Row(
        "`GRADIENT_KBASS_ENDPOINT`",
        "`base_url=`",
        "Not read. You are warned where it names another host than the key goes to.",
        "inference_do.KnowledgeBase('11f0')",
        warns="GRADIENT_KBASS_ENDPOINT is set, but not read: requests go to https://kbaas.do-ai.run/v1",
        env={"GRADIENT_KBASS_ENDPOINT": "gateway.example"},
    ),
    Row(
        "a score of 1.0 for each node",
        "no score",
        "The API reports an order, and no scores.",
        "assert IndexRetriever('11f0').retrieve('hi')[0].score is None",
    ),
)
