"""An EMA update outside of no_grad makes the teacher a function of the student."""

import torch

ERRORS = ("Trying to backward through the graph a second time",)


def wrong():
    student, teacher = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    teacher.requires_grad_(False)
    batch = torch.ones(1, 1)
    gaps = []
    gradients = []
    student.weight.register_hook(lambda grad: gradients.append(grad))
    for _ in range(3):
        teacher.weight.mul_(0.5).add_(student.weight, alpha=0.5)
        gap = student(batch) - teacher(batch)
        gaps.append(gap.item())
        gap.square().sum().backward()


def right():
    student, teacher = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    teacher.requires_grad_(False)
    batch = torch.ones(1, 1)
    gaps = []
    gradients = []
    student.weight.register_hook(lambda grad: gradients.append(grad))
    for _ in range(3):
        with torch.no_grad():
            teacher.weight.mul_(0.5).add_(student.weight, alpha=0.5)
        gap = student(batch) - teacher(batch)
        gaps.append(gap.item())
        gap.square().sum().backward()


def _share(part, step):
    """Return a gradient's share of that against a fixed teacher, which is 2 times the gap."""
    return round(part.gradients[step].item() / (2 * part.gaps[step]), 4)


def claims(wrong, right):
    return {
        "frozen_teacher_stays_out": {
            "no_flag": not wrong.teacher.weight.requires_grad,
            "is_leaf": wrong.teacher.weight.is_leaf,
        },
        "noticed_at_once": {
            "first_raises": len(wrong.gradients) == 0,
            "third_raises": wrong.error is not None and len(wrong.gradients) == 2,
        },
        "same_gradient": {
            "first": _share(wrong, 0) == 1,
            "second": _share(wrong, 1) == 1,
        },
        "halved_each_step": {
            "first": _share(wrong, 0) == 0.5,
            "second": _share(wrong, 1) == 0.25,
        },
        "guarded": {
            "same_averages": right.gaps[:2] == wrong.gaps[:2],
            "full_gradient": [_share(right, step) for step in range(3)] == [1, 1, 1],
            "teacher_is_leaf": right.teacher.weight.is_leaf,
        },
    }
