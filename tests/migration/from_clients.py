"""From clients of the API, and from a program."""

from __future__ import annotations

from migration_rows import (
    ABSENT,
    KEY,
    KEY_HERE,
    LEAVE,
    NO_KEY,
    NO_URL,
    ONE_KEY,
    ONE_URL,
    REFUSED,
    SAME,
    URL,
    URL_HERE,
    Row,
)

__all__ = ["DOGRADIENT", "GRADIENT", "LLM_DIGITALOCEAN", "PYDO"]


CALL = "model=M, messages=[{'role': 'user', 'content': 'hi'}]"

GRADIENT = (
    Row(
        "`Gradient`, `AsyncGradient`",
        "`Client`, `AsyncClient`",
        "Refused by name.",
        "from inference_do import Gradient",
        says="here it is Client",
    ),
    Row(
        "`model_access_key=`, `access_token=`, `agent_access_key=`",
        KEY_HERE,
        ONE_KEY,
        f"Client(NAME={KEY})",
        says="api_key=",
    ),
    Row(
        "`inference_endpoint=`, `agent_endpoint=`, `kbass_endpoint=`",
        "`base_url=`",
        "Refused: one client has one address.",
        f"Client(NAME={URL})",
        says="base_url=",
    ),
    Row(
        "`GRADIENT_MODEL_ACCESS_KEY`, `DIGITALOCEAN_ACCESS_TOKEN`",
        SAME,
        "Read, after `DIGITALOCEAN_INFERENCE_KEY`.",
        f"Client().chat({CALL})",
        env={**NO_KEY, "NAME": "EMULATOR"},
    ),
    Row(
        "`GRADIENT_AGENT_ACCESS_KEY`",
        KEY_HERE,
        "Not read; where no key is found, the error says so.",
        "Client()",
        says="GRADIENT_AGENT_ACCESS_KEY is set, but not read",
        env={**NO_KEY, "GRADIENT_AGENT_ACCESS_KEY": "sk-ELSEWHERE1"},
    ),
    Row(
        "`GRADIENT_INFERENCE_ENDPOINT`, `GRADIENT_BASE_URL`, `GRADIENT_AGENT_ENDPOINT`",
        URL_HERE,
        "Not read. You are warned where one names another host than the key goes to.",
        "Client()",
        warns="NAME is set, but not read: requests go to https://inference.do-ai.run/v1",
        env={**NO_URL, "NAME": "https://gateway.example"},
    ),
    Row(
        "`client.chat.completions.create(...)`",
        "`client.chat(...)`",
        "Refused; the arguments are the same. An `AttributeError` too.",
        f"Client().chat.completions.create({CALL})",
        says="client.chat(model=..., messages=...)",
    ),
    Row(
        "`create(..., stream=True)`",
        "`client.stream(...)`",
        "A method of its own, with the same arguments.",
        f"Client().chat({CALL}, stream=True)",
        says="use stream()",
    ),
    Row(
        "`completion.choices[0].message.content`",
        SAME + ", or `completion.text`",
        "",
        f"answer = Client().chat({CALL}); assert answer.choices[0].message.content == answer.text",
    ),
    Row(
        "`client.agents.chat.completions.create(...)`",
        '`Client(base_url="https://ID.agents.do-ai.run").chat(...)`',
        "Refused.",
        "Client().agents",
        says="Client(base_url=...) with the agent's URL",
    ),
    Row(
        "`client.responses.create(...)`",
        '`client.chat(..., api="responses")`',
        "Refused: one method for all three APIs.",
        "Client().responses",
        says="client.chat(model=..., messages=...)",
    ),
    Row(
        "`client.retrieve.documents(...)`",
        "`KnowledgeBase(id).retrieve(query)`",
        REFUSED,
        "Client().retrieve",
        says="KnowledgeBase(id).retrieve(query)",
    ),
    Row(
        "`client.images.generate(...)`",
        '`client.request("/images/generations", {...})`',
        "Refused: images have no method of their own.",
        "Client().images",
        says="client.request('/images/generations', {...})",
    ),
    Row(
        "`client.models.list()`",
        "`client.models()`",
        "Refused; it returns a list.",
        "Client().models.list()",
        says="client.models()",
    ),
    Row(
        "`client.with_options(timeout=5)`",
        "`client.chat(..., timeout=5)`",
        REFUSED,
        "Client().with_options(timeout=5)",
        says="timeout=",
    ),
    Row(
        "`client.chat.completions.with_raw_response`",
        "`completion.response_info.headers`",
        REFUSED,
        "Client().with_raw_response",
        says="completion.response_info",
    ),
    Row(
        "`client.knowledge_bases`, `client.agents.create`, `client.regions`, ...",
        "pydo, doctl or the control panel",
        "Refused: this package has the inference API alone.",
        "Client().regions",
        says="pydo or the control panel",
    ),
    Row(
        "`timeout=60`, `max_retries=2`",
        SAME,
        "No 60 s by default: each phase has its limit.",
        "Client(timeout=60, max_retries=2)",
    ),
)


PYDO = (
    Row('`Client("key")`, `api_key=`', SAME, "", f"Client(emu.api_key).chat({CALL})", env=NO_KEY),
    Row("`Client(token=...)`", KEY_HERE, ONE_KEY, f"Client(token={KEY})", says="api_key="),
    Row(
        "`DIGITALOCEAN_TOKEN`",
        SAME,
        "Read by itself: nothing to pass.",
        f"Client().chat({CALL})",
        env={**NO_KEY, "DIGITALOCEAN_TOKEN": "EMULATOR"},
    ),
    Row("`inference_endpoint=`, `endpoint=`", "`base_url=`", ONE_URL, f"Client(NAME={URL})", says="base_url="),
    Row("`retry_total=`", "`max_retries=`", REFUSED, "Client(retry_total=3)", says="max_retries="),
    Row(
        "`connection_timeout=`, `read_timeout=`",
        "`timeout=Timeout(connect=..., first_token=..., idle=...)`",
        REFUSED,
        "Client(NAME=3)",
        says="timeout=Timeout(connect=",
    ),
    Row("`timeout=120`", SAME, "Seconds for each phase.", "Client(timeout=120)"),
    Row(
        "`user_agent=`",
        '`default_headers={"User-Agent": ...}`',
        REFUSED,
        "Client(user_agent='app/1')",
        says="default_headers=",
    ),
    Row(
        "`logger=`, `http_logging_policy=`",
        '`logging.getLogger("inference_do")`',
        REFUSED,
        "Client(NAME=1)",
        says='logging.getLogger("inference_do")',
    ),
    Row(
        '`response["choices"][0]["message"]["content"]`',
        SAME + ", or `completion.text`",
        "",
        f"assert Client().chat({CALL})['choices'][0]['message']['content']",
    ),
    Row(
        '`client.models.list()["data"]`',
        "`client.models()`",
        "Refused; it returns a list.",
        "Client().models.list()",
        says="client.models()",
    ),
    Row(
        "`client.embeddings.create(...)`",
        "`client.embed(...)`",
        REFUSED,
        "Client().embeddings",
        says="client.embed(model=..., input=...)",
    ),
    Row(
        "`client.messages.create(...)`",
        '`client.chat(..., api="messages")`',
        REFUSED,
        "Client().messages",
        says="client.chat(model=..., messages=...)",
    ),
    Row(
        "`client.batches`, `client.files`",
        "`client.batches.create(requests)`",
        "It writes, uploads and reads the file by itself.",
        "Client().files",
        says="client.batches.create(requests)",
    ),
    Row(
        "`client.async_invoke`",
        "`client.request(path, {...})`",
        REFUSED,
        "Client().async_invoke",
        says="client.request(path, {...})",
    ),
    Row(
        "`client.audio`, `client.speech`",
        "pydo",
        "Refused: what comes is sound, and this client reads JSON.",
        "Client().audio",
        says="an HTTP client of your own",
    ),
)


DOGRADIENT = (
    Row(
        "`GradientAI`", "`Client`", "Refused by name.", "from inference_do import GradientAI", says="here it is Client"
    ),
    Row("`inference_key=`, `management_token=`", KEY_HERE, ONE_KEY, f"Client(NAME={KEY})", says="api_key="),
    Row(
        "`GRADIENT_API_KEY`",
        KEY_HERE,
        "Not read; where no key is found, the error says so.",
        "Client()",
        says="GRADIENT_API_KEY is set, but not read",
        env={**NO_KEY, "GRADIENT_API_KEY": "sk-ELSEWHERE1"},
    ),
    Row(
        "`DIGITALOCEAN_TOKEN`",
        "`DIGITALOCEAN_INFERENCE_KEY`",
        "Here it is a key for inference as well, and read if no other one is set.",
        f"Client().chat({CALL})",
        env={**NO_KEY, "DIGITALOCEAN_TOKEN": "EMULATOR"},
    ),
    Row(
        "`GradientAI(model=...)`",
        "`client.chat(model=...)`",
        "Refused: each call names its model.",
        "Client(model=M)",
        says="client.chat(model=..., messages=...)",
    ),
    Row(
        '`client.chat.complete("Hi")`, `client.complete("Hi")`',
        "`client.chat(model=..., messages=[...])`",
        REFUSED,
        "Client().chat.complete('Hi')",
        says="client.chat(model=..., messages=...)",
    ),
    Row(
        '`client.chat.stream("Hi")`',
        "`client.stream(model=..., messages=[...])`",
        "Refused. Chunks, with the text in `chunk.text`.",
        "Client().chat.stream('Hi')",
        says="client.stream(model=..., messages=...)",
    ),
    Row("`response.content`", "`completion.text`", "", f"assert Client().chat({CALL}).text"),
    Row(
        "a temperature of 0.7, 1,024 tokens at most",
        "`temperature=0.7, max_tokens=1024`",
        "Its defaults. Here nothing is sent unless you give it.",
        f"Client().chat({CALL})",
        sent={"temperature": ABSENT, "max_completion_tokens": ABSENT, "max_tokens": ABSENT},
    ),
    Row(
        "`timeout=300`",
        SAME,
        "Each phase has its limit, and requests are sent again: there they never are.",
        "Client(timeout=300)",
    ),
    Row(
        "`client.models.list_ids()`",
        "`[model.id for model in client.models()]`",
        REFUSED,
        "Client().models.list_ids()",
        says="client.models()",
    ),
    Row(
        '`client.knowledge_bases.query(id, "...")`',
        '`KnowledgeBase(id).retrieve("...")`',
        REFUSED,
        "Client().knowledge_bases",
        says="KnowledgeBase(id).retrieve(query)",
    ),
    Row(
        '`client.agents.chat(id, "...")`',
        '`Client(base_url="https://ID.agents.do-ai.run").chat(...)`',
        REFUSED,
        "Client().agents",
        says="Client(base_url=...) with the agent's URL",
    ),
)


LLM_DIGITALOCEAN = (
    Row(
        "`DIGITAL_OCEAN`, `llm keys set digitalocean`",
        "`DIGITALOCEAN_INFERENCE_KEY`",
        "Not read; where no key is found, the error says so.",
        "Client()",
        says="DIGITAL_OCEAN is set, but not read",
        env={**NO_KEY, "DIGITAL_OCEAN": "sk-ELSEWHERE1"},
    ),
    Row(
        '`llm -m digitalocean/MODEL "..."`',
        '`inference-do chat -m MODEL "..."`',
        "The prefix is that plugin's.",
        "terminal('chat', '-m', M, 'Say hello')",
        sent={"model": "MODEL"},
    ),
    Row(
        "`llm chat -m digitalocean/MODEL`",
        "`inference-do chat -m MODEL`",
        "Ends with `exit` too.",
        "terminal('chat', '-m', M, content='exit\\n')",
    ),
    Row(
        '`llm -s "..."`',
        '`inference-do chat --system "..."`',
        "",
        "terminal('chat', '-m', M, '--system', 'Be brief.', 'Hi')",
    ),
    Row(
        "`llm -o max_tokens 9`",
        "`inference-do chat --max-tokens 9`",
        "",
        "terminal('chat', '-m', M, '--max-tokens', '9', 'Hi')",
        sent={"max_completion_tokens": 9},
    ),
    Row(
        "`llm digitalocean models --json`",
        "`inference-do models --json`",
        "With prices, and what each model can do.",
        "terminal('models', '--json')",
    ),
    Row("`llm digitalocean refresh`", LEAVE, "The list is read anew each time.", "terminal('models')"),
    Row(
        "`schema`: not supported there",
        "`with_structured_output(...)`",
        "Works for every model that takes a JSON schema or tools.",
        "ChatDigitalOcean(model=M).with_structured_output({'title': 'city', 'type': 'object', 'properties': {}})",
    ),
)
