"""A server that takes and returns token ids as vLLM does, over the bundled checkpoints and `generate`."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stream_aligner_lc.sums import pair
from tests.sums.judged import CHECKPOINTS

FOLDERS = {
    "sums": pair.ALIGNER,
    "verdict": str(CHECKPOINTS / "verdict"),
    "revision": str(CHECKPOINTS / "stream-aligner"),
}
# Those of the tests do not say themselves what they were trained in.
TEMPLATES = {"sums": None, "verdict": "verdict", "revision": "stream-aligner"}
KEY = "the-right-key"


class TokenServer:
    """Serve until the `with` block ends; `requests` are the bodies that came, `max_model_len` its context."""

    def __init__(self, *, max_model_len=1024):
        self.requests = []
        self.max_model_len = max_model_len
        self._models = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, body):
        self.requests.append(body)
        if body["model"] not in FOLDERS:
            return 404, {"error": {"message": f"The model `{body['model']}` does not exist.", "code": 404}}
        model, tokenizer = self._loaded(body["model"])
        asked = body["prompt"]
        ids = tokenizer(asked)["input_ids"] if isinstance(asked, str) else asked
        if len(ids) + body["max_tokens"] > self.max_model_len:
            said = f"This model's maximum context length is {self.max_model_len} tokens, you asked for more."
            return 400, {"error": {"message": said, "type": "BadRequestError", "code": 400}}
        new, ends = self._generated(model, ids, body)
        is_ended = new[-1] in ends
        choice = {
            "index": 0,
            "text": tokenizer.decode(new, skip_special_tokens=True, clean_up_tokenization_spaces=False),
            "finish_reason": "stop" if is_ended else "length",
            "token_ids": new if body.get("return_token_ids") else None,
        }
        usage = {"prompt_tokens": len(ids), "completion_tokens": len(new), "total_tokens": len(ids) + len(new)}
        usage["prompt_tokens_details"] = {"cached_tokens": len(ids) // 2}
        return 200, {"object": "text_completion", "id": "1", "created": 1, "choices": [choice], "usage": usage}

    def _generated(self, model, ids, body):
        import torch

        ends = body.get("stop_token_ids") or [model.generation_config.eos_token_id]
        biases = [[[int(token)], float(bias)] for token, bias in (body.get("logit_bias") or {}).items()]
        with self._lock, torch.inference_mode():
            out = model.generate(
                torch.tensor([ids]),
                do_sample=False,
                max_new_tokens=body["max_tokens"],
                eos_token_id=ends,
                pad_token_id=0,
                repetition_penalty=body.get("repetition_penalty"),
                sequence_bias=biases or None,
            )
        return out[0, len(ids) :].tolist(), ends

    def _loaded(self, name):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        with self._lock:
            if name not in self._models:
                folder = FOLDERS[name]
                model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
                self._models[name] = model, AutoTokenizer.from_pretrained(folder)
            return self._models[name]

    def _handler(server):  # noqa: N805  (the class below has its own self)
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                models = [{"id": name, "object": "model", "max_model_len": server.max_model_len} for name in FOLDERS]
                self._send(*(self._refused() or (200, {"object": "list", "data": models})))

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._send(*(self._refused() or server._answer(body)))

            def _refused(self):
                if self.headers["Authorization"] == f"Bearer {KEY}":
                    return None
                return 401, {"error": {"message": "Unauthorized", "code": 401}}

            def _send(self, status, answer):
                sent = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_):
                pass

        return Handler
