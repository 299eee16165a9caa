import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
backbone = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
backbone.requires_grad_(False).eval()
images, labels = torch.randn(40, 3, 14, 14), torch.randint(0, 5, (40,))


@torch.inference_mode()
def extract(batch_size=8):
    feats = [backbone(chunk) for chunk in images.split(batch_size)]
    return torch.cat(feats)


features = extract().clone()
loader = DataLoader(TensorDataset(features, labels), batch_size=10, shuffle=True)
probe = nn.Linear(16, 5)
opt = torch.optim.LBFGS(probe.parameters(), lr=0.5, max_iter=5)
for epoch in range(1):
    for x, y in loader:
        x = x.clone()

        def closure():
            opt.zero_grad()
            loss = F.cross_entropy(probe(x), y) + 1e-3 * probe.weight.square().sum()
            loss.backward()
            return loss

        value = opt.step(closure)
