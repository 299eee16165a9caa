import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
NUM_CLASSES = 5


class MiniDETR(nn.Module):
    def __init__(self, d=24, queries=6):
        super().__init__()
        self.patch = nn.Conv2d(3, d, 4, stride=4)
        self.queries = nn.Parameter(torch.randn(queries, d))
        self.decoder = nn.TransformerDecoderLayer(d, 2, 32, dropout=0.0, batch_first=True)
        self.class_head = nn.Linear(d, NUM_CLASSES)
        self.box_head = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, 4))

    def forward(self, images):
        memory = self.patch(images).flatten(2).transpose(1, 2)
        q = self.queries.expand(images.size(0), -1, -1)
        h = self.decoder(q, memory)
        return self.class_head(h), self.box_head(h).sigmoid()


@torch.no_grad()
def match(boxes, gt_boxes):
    """Greedy stand-in for the Hungarian matcher: the nearest query of every ground truth."""
    return torch.cdist(boxes, gt_boxes, p=1).argmin(dim=1)  # B x G


def set_criterion(logits, boxes, gt_labels, gt_boxes):
    idx = match(boxes, gt_boxes)
    src_boxes = boxes.gather(1, idx[..., None].expand(-1, -1, 4))
    src_logits = logits.gather(1, idx[..., None].expand(-1, -1, NUM_CLASSES))
    loss_bbox = F.l1_loss(src_boxes, gt_boxes)
    loss_ce = F.cross_entropy(src_logits.flatten(0, 1), gt_labels.flatten())
    return 5.0 * loss_bbox + loss_ce, {"bbox": loss_bbox.item(), "ce": loss_ce.item()}


detr = MiniDETR()
optimizer = torch.optim.AdamW(detr.parameters(), lr=1e-4, weight_decay=1e-4)
for step in range(3):
    images = torch.randn(2, 3, 16, 16)
    gt_labels, gt_boxes = torch.randint(0, NUM_CLASSES, (2, 3)), torch.rand(2, 3, 4)
    logits, boxes = detr(images)
    loss, logs = set_criterion(logits, boxes, gt_labels, gt_boxes)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(detr.parameters(), 0.1)
    optimizer.step()
    print(step, logs)
