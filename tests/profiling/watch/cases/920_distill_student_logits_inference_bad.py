import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
teacher = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 5)).eval()
student = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 5))
calibration = nn.Linear(5, 5)
opt = torch.optim.AdamW([*student.parameters(), *calibration.parameters()], lr=1e-3)
T = 2.0
for _ in range(3):
    x = torch.randn(32, 8)
    with torch.inference_mode():
        soft = F.softmax(teacher(x) / T, -1)
        logits = student(x)
    logits, soft = logits.clone(), soft.clone()
    loss = F.kl_div(F.log_softmax(calibration(logits) / T, -1), soft, reduction="batchmean") * T * T
    opt.zero_grad()
    loss.backward()
    opt.step()
