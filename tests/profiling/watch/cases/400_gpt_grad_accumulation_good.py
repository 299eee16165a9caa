from dataclasses import dataclass

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(1337)


@dataclass
class GPTConfig:
    vocab_size: int = 32
    block_size: int = 16
    n_embd: int = 24
    n_head: int = 2
    n_layer: int = 2


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(cfg.n_embd), nn.LayerNorm(cfg.n_embd)
        self.qkv = nn.Linear(cfg.n_embd, 3 * cfg.n_embd, bias=False)
        self.proj = nn.Linear(cfg.n_embd, cfg.n_embd)
        self.mlp = nn.Sequential(nn.Linear(cfg.n_embd, 48), nn.GELU(), nn.Linear(48, cfg.n_embd))
        self.n_head = cfg.n_head

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(B, T, 3, self.n_head, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(B, T, C))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.wte = nn.Embedding(cfg.vocab_size, cfg.n_embd)
        self.wpe = nn.Embedding(cfg.block_size, cfg.n_embd)
        self.blocks = nn.ModuleList(Block(cfg) for _ in range(cfg.n_layer))
        self.ln_f = nn.LayerNorm(cfg.n_embd)
        self.lm_head = nn.Linear(cfg.n_embd, cfg.vocab_size, bias=False)

    def forward(self, idx, targets):
        x = self.wte(idx) + self.wpe(torch.arange(idx.size(1)))
        for block in self.blocks:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


cfg = GPTConfig()
model = GPT(cfg)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
data = torch.randint(0, cfg.vocab_size, (500,))
accum_steps = 4
for it in range(12):
    ix = torch.randint(0, len(data) - cfg.block_size - 1, (4,)).tolist()
    xb = torch.stack([data[i:i + cfg.block_size] for i in ix])
    yb = torch.stack([data[i + 1:i + 1 + cfg.block_size] for i in ix])
    loss = model(xb, yb) / accum_steps
    loss.backward()
    if (it + 1) % accum_steps == 0:
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
