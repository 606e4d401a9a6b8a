#!/usr/bin/env python3
"""The same training step in PyTorch, for bench/train/compare.sh.

    torch_speed.py ALPHA SIZE BATCH OUTPUT_STRIDE THREADS [SECONDS [eager|compile]]

channels_last, SGD with Nesterov momentum, batch norm in training mode, synthetic images.
"""
import sys
import time
import torch
import torch.nn as nn
import torch.nn.functional as F

STAGES = [(32, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1),
          (512, 1), (1024, 2), (1024, 1)]


def build(alpha, output_stride, classes):
    remove = {32: 0, 16: 1, 8: 2, 4: 3, 2: 4, 1: 5}[output_stride]
    layers, before = [], 3
    for i, (width, stride) in enumerate(STAGES):
        width = max(8, int(width * alpha))
        if stride == 2 and remove > 0:
            stride, remove = 1, remove - 1
        if i > 0:
            layers += [nn.Conv2d(before, before, 3, stride, 1, groups=before, bias=False), nn.BatchNorm2d(before),
                       nn.ReLU6(inplace=True), nn.Conv2d(before, width, 1, bias=False)]
        else:
            layers += [nn.Conv2d(3, width, 3, stride, 1, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU6(inplace=True)]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))


alpha, size, batch, output_stride, threads = float(sys.argv[1]), *map(int, sys.argv[2:6])
limit = float(sys.argv[6]) if len(sys.argv) > 6 else 10
compiled = sys.argv[7:] == ["compile"]
torch.set_num_threads(threads)
classes = 1000 if size > 64 else 10
net = build(alpha, output_stride, classes).to(memory_format=torch.channels_last)
if compiled:
    net = torch.compile(net)
optim = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
x = torch.rand(batch, 3, size, size).to(memory_format=torch.channels_last)
y = torch.arange(batch) % classes
if compiled:  # what compiling takes does not count
    for _ in range(2):
        F.cross_entropy(net(x), y).backward()
times, end, spent = [], time.time() + limit, 0.0
while time.time() < end or len(times) < 4:
    start = time.time()
    optim.zero_grad(set_to_none=True)
    F.cross_entropy(net(x), y).backward()
    optim.step()
    times.append(time.time() - start)
    if len(times) == 1:  # the first warms up
        spent = time.process_time()
times = sorted(times[1:])
spent = time.process_time() - spent
print(f"torch {torch.__version__}{' compiled' if compiled else ''} alpha {alpha} size {size} batch {batch} stride {output_stride} threads {threads}: "
      f"{batch / times[len(times) // 2]:.1f} images/s median, {batch / times[0]:.1f} best, "
      f"{batch * len(times) / spent:.1f} a processor second, {len(times)} steps")
