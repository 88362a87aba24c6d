// How to use the emulator from elsewhere: lines to copy.

import { $, codeBlock } from "./dom.js";

export function startUse({ api_key: key }) {
  const url = `${location.origin}/v1`;
  const model = "gemma-4-31B-it";
  const snippets = {
    "Environment": `export DIGITALOCEAN_INFERENCE_BASE_URL=${url}\nexport DIGITALOCEAN_INFERENCE_KEY=${key}`,
    "curl": `curl ${url}/chat/completions \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello"}]}'`,
    "LangChain": `from langchain_do import ChatDigitalOcean

model = ChatDigitalOcean(
    model="${model}",
    base_url="${url}",
    api_key="${key}",
)
for chunk in model.stream("Hello"):
    print(chunk.text, end="", flush=True)`,
    "LlamaIndex": `from llamaindex_do import DigitalOcean

llm = DigitalOcean(
    model="${model}",
    base_url="${url}",
    api_key="${key}",
)
print(llm.complete("Hello"))`,
    "Python, without a framework": `from inference_do import Client

with Client("${key}", base_url="${url}") as client:
    answer = client.chat(model="${model}", messages=[{"role": "user", "content": "Hello"}])
    print(answer.text)`,
  };
  $("snippets").append(...Object.entries(snippets).map(([title, text]) => codeBlock(title, text)));
}
