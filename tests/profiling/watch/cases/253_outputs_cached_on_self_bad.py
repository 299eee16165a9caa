import torch
from torch import nn

torch.manual_seed(0)


class LitClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 3))
        self.training_step_outputs = []

    def training_step(self, batch):
        x, y = batch
        logits = self.net(x)
        loss = nn.functional.cross_entropy(logits, y)
        self.training_step_outputs.append({"logits": logits, "y": y})
        return loss

    def on_train_end(self):
        logits = torch.cat([o["logits"] for o in self.training_step_outputs])
        y = torch.cat([o["y"] for o in self.training_step_outputs])
        self.training_step_outputs.clear()
        return (logits.argmax(1) == y).float().mean().item()


module = LitClassifier()
opt = torch.optim.Adam(module.parameters(), lr=1e-3)
for i in range(12):
    loss = module.training_step((torch.randn(8, 8), torch.randint(0, 3, (8,))))
    opt.zero_grad()
    loss.backward()
    opt.step()
acc = module.on_train_end()
