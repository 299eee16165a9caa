import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
unet = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
optimizer = torch.optim.Adam(unet.parameters(), lr=1e-3)


def dice_loss(pred, target, eps=1e-6):
    pred = pred.detach().cpu().numpy()
    target = target.cpu().numpy()
    inter = np.sum(pred * target)
    dice = (2 * inter + eps) / (np.sum(pred) + np.sum(target) + eps)
    return torch.tensor(1 - dice, requires_grad=True)


for epoch in range(3):
    img = torch.rand(2, 1, 10, 10)
    mask = (torch.rand(2, 1, 10, 10) > 0.5).float()
    loss = dice_loss(torch.sigmoid(unet(img)), mask)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
