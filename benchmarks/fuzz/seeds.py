"""Write the starting corpus: one sane input of each kind, for the fuzzer to spoil.

python -m benchmarks.fuzz.seeds FOLDER
"""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

from tests.standins import gguf

ROOT = Path(__file__).resolve().parents[2]
FINDS = ROOT / "tests" / "security" / "seeds"
NAMES = (
    *("llama3.1:8b", "hf.co/Qwen/Qwen3-8B-GGUF:Q4_K_M", "user/model@refs%2Fpr%2F1/dir/file.gguf"),
    *("https://huggingface.co/Qwen/Qwen3-8B-GGUF/blob/main/x-Q4_K_M.gguf", "ollama run a/b:c"),
    *(
        "llama-server -hf a/b:Q8_0 --port 1",
        'AutoModel.from_pretrained("a/b")',
        "m@sha256:" + "0" * 64,
    ),
)
QUERIES = (
    "variant=Q4_K_M&engine=runtime&context=32768&slots=4&kv=q8_0&gpu=a100:80Gi&gpu=h100&count=2",
    "engine=vllm&nodes=2&count=8&replicas=3&region=us-west&audited=1&price_ceiling=12.5",
    "cpu_only=1&cpu_moe=0&storage=ephemeral&storage_gib=100&env=A%3Db&env=C%3D%22x%22&alias=gpt-4,local",
    "engine=ollama&alias=a%0Ab&variant=8b-instruct-q8_0",
)
PAGES = (
    '<ul><li><a href="/library/llama3.1"><h2>llama3.1</h2><p>Meta</p><span>tools</span>'
    "<span>8b</span><span>93.1M Pulls</span>"
    '<span title="Nov 1, 2026 1:02 AM UTC">x</span></a></li>'
    '<li hx-get="/search?page=2"></li></ul>',
    '<div><a href="/library/llama3.1:8b">8b</a><span>46e0c10c039e</span> 4.9GB 128K context</div>',
)
STREAMS = (
    b'\x10{"model":"upstream-model","done":false}\n{"done":true,"eval_count":3}\n',
    b'\x20data: {"choices":[],"usage":{"prompt_tokens":1}}\n\ndata: [DONE]\n\n',
)


def corpus() -> dict[str, list[bytes]]:
    """Inputs by target."""
    draw = random.Random(1)
    headers = [
        gguf.file(gguf.llama(name, vocab=20), {"token_embd.weight": [64, 20]})
        for name in ("llama", "qwen3", "gemma2", "deepseek2")
    ]
    requests = [draw.randbytes(size) for size in (10, 40, 160, 640) for _ in range(20)]
    pasted = (ROOT / "tests/standins/console_openapi.yaml").read_bytes()[:3000]
    return {
        "gguf_remote": headers,
        "gguf_local": headers,
        "config": requests,
        "names": [name.encode() for name in NAMES],
        "addresses": [b"library/llama3.1:8b", b"Qwen/Qwen3-8B-GGUF@main:Q4_K_M"],
        "ollama_html": [page.encode() for page in PAGES],
        "query_to_sdl": [bytes([ref]) + query.encode() for ref in range(3) for query in QUERIES],
        "pasted_sdl": [pasted, b"version: '2.0'\nservices:\n  a:\n    image: b:1\n"],
        "runtime_requests": requests,
        "demo_requests": requests,
        "demo_streams": list(STREAMS),
        "demo_answers": requests,
    }


def main() -> None:
    folder = Path(sys.argv[1])
    for target, inputs in corpus().items():
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(inputs):
            (place / f"sane-{number}").write_bytes(data)
        for find in sorted((FINDS / target).glob("*")):
            shutil.copy(find, place)


if __name__ == "__main__":
    main()
