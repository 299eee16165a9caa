import torch
from torch import nn

torch.manual_seed(0)
netG = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4))
netD = nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
optimizerG = torch.optim.Adam(netG.parameters(), lr=2e-4, betas=(0.5, 0.999))
optimizerD = torch.optim.Adam(netD.parameters(), lr=2e-4, betas=(0.5, 0.999))
criterion = nn.BCEWithLogitsLoss()

for i in range(3):
    real = torch.randn(16, 4)
    fake = netG(torch.randn(16, 8))
    netD.zero_grad()
    errD_real = criterion(netD(real), torch.ones(16, 1))
    errD_real.backward()
    errD_fake = criterion(netD(fake), torch.zeros(16, 1))
    errD_fake.backward()
    optimizerD.step()

    netG.zero_grad()
    errG = criterion(netD(fake), torch.ones(16, 1))
    errG.backward()
    optimizerG.step()
