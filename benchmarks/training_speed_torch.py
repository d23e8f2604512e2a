"""The other side of `training_speed`: the same step in PyTorch. Its Python needs PyTorch only.

Reads settings as a line of JSON on stdin, answers `ready`, then times as many steps as each further
line says and answers with seconds a step.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

Settings = dict[str, Any]


def build(settings: Settings) -> tuple[Any, Any]:
    """Refiner and discriminator as in `dagan_tf.gan`, auto-encoder form."""
    from torch import nn

    def conv(source: int, target: int, kernel: int, act: Any = None, stride: int = 1) -> list[Any]:
        layer = nn.Conv2d(source, target, kernel, stride, kernel // 2)
        return [layer, act] if act else [layer]

    class Block(nn.Module):
        def __init__(self, filters: int, kernel: int) -> None:
            super().__init__()
            relu = nn.ReLU(inplace=True)
            self.path = nn.Sequential(
                *conv(filters, filters, kernel, relu), *conv(filters, filters, kernel)
            )

        def forward(self, x: Any) -> Any:
            return (x + self.path(x)).relu_()

    class Refiner(nn.Module):
        def __init__(self, filters: int, blocks: int, stem: int, kernel: int, fold: int) -> None:
            super().__init__()
            self.path = nn.Sequential(
                nn.PixelUnshuffle(fold),
                *conv(3 * fold**2, filters, stem, nn.ReLU(inplace=True)),
                *[Block(filters, kernel) for _ in range(blocks)],
                *conv(filters, 3 * fold**2, 1),
                nn.PixelShuffle(fold),
            )
            for parameter in self.path[-2].parameters():
                nn.init.zeros_(parameter)

        def forward(self, x: Any) -> Any:
            return x + self.path(x).float()

    class Discriminator(nn.Module):
        def __init__(self, n: int, code: int, convs: int, fold: int, size: int, names: int) -> None:
            super().__init__()
            side, stages = size // fold, 1
            while side > 8:
                side, stages = side // 2, stages + 1
            elu = nn.ELU(inplace=True)
            encoder = [nn.PixelUnshuffle(fold), *conv(3 * fold**2, n, 3, elu)]
            decoder = [nn.Linear(code, side * side * n), nn.Unflatten(1, (n, side, side))]
            for stage in range(1, stages + 1):
                for _ in range(convs):
                    encoder += conv(n * stage, n * stage, 3, elu)
                    decoder += conv(n, n, 3, elu)
                if stage < stages:
                    encoder += conv(n * stage, n * (stage + 1), 3, elu, stride=2)
                    decoder += [nn.Upsample(scale_factor=2)]
            encoder += [nn.Flatten(), nn.Linear(n * stages * side * side, code)]
            decoder += [*conv(n, 3 * fold**2, 3), nn.PixelShuffle(fold)]
            self.encoder, self.decoder = nn.Sequential(*encoder), nn.Sequential(*decoder)
            self.names = nn.Linear(code, names)

        def forward(self, x: Any) -> Any:
            code = self.encoder(x)
            return self.decoder(code).float(), self.names(code).float()

    g, d, size = settings["generator"], settings["discriminator"], settings["size"]
    return (
        Refiner(g["filters"], g["blocks"], g["stem_kernel"], g["block_kernel"], g["downsample"]),
        Discriminator(d["filters"], d["bottleneck"], d["convs_per_stage"], d["downsample"], size,
                      settings["identities"]),
    )  # fmt: skip


def make_step(settings: Settings) -> tuple[Callable[[], None], int]:
    """One step of DA-GAN on a batch that stays the same, and the number of parameters."""
    import torch
    from torch.nn import functional

    torch.manual_seed(0)
    torch.set_num_threads(settings["threads"])
    refiner, discriminator = build(settings)
    parameters = list(refiner.parameters()), list(discriminator.parameters())
    averages = [parameter.detach().clone() for parameter in parameters[0]]
    rows, size = settings["batch"], settings["size"]
    simulated, real = (torch.rand(2, rows, 3, size, size) * 2 - 1).unbind()
    mask = torch.randint(0, 2, (rows, 1, size, size)).float()
    labels = torch.randint(0, settings["identities"], (rows,))
    mode = settings["mode"]
    if mode != "eager":
        last = torch.channels_last
        refiner, discriminator = (net.to(memory_format=last) for net in (refiner, discriminator))
        simulated, real, mask = (x.contiguous(memory_format=last) for x in (simulated, real, mask))
    if mode == "compiled":
        refiner, discriminator = torch.compile(refiner), torch.compile(discriminator)
    optimizers = [torch.optim.Adam(some, 1e-4, (0.5, 0.999), fused=True) for some in parameters]
    weight = mask + 0.1 * (1 - mask)
    bfloat16 = settings["precision"] == "mixed_bfloat16"
    balance = torch.zeros(())

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16) if bfloat16 else contextlib.nullcontext():
            refined = refiner(simulated)
            real_back, real_names = discriminator(real)
            refined_back, refined_names = discriminator(refined)
        real_error = (real - real_back).abs().mean()
        refined_error = (refined - refined_back).abs().mean()
        identity = functional.cross_entropy(refined_names, labels)
        pose = (weight * (simulated - refined).abs()).mean()
        wanted = 0.7 * pose + refined_error + 0.01 * identity
        opposed = real_error - balance * refined_error
        opposed = opposed + 0.01 * (functional.cross_entropy(real_names, labels) + identity)
        for loss, some in zip((wanted, opposed), parameters, strict=True):
            kept = loss is wanted
            gradients = torch.autograd.grad(loss, some, retain_graph=kept, allow_unused=True)
            for parameter, gradient in zip(some, gradients, strict=True):
                parameter.grad = gradient
        for optimizer in optimizers:
            optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(averages, parameters[0], 0.001)
            balance.add_(0.02 * (0.7 * real_error - refined_error)).clamp_(0, 1)

    return step, sum(parameter.numel() for some in parameters for parameter in some)


def main() -> None:
    step, parameters = make_step(json.loads(sys.stdin.readline()))
    step()
    print(json.dumps({"parameters": parameters}), flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            step()
        print((time.perf_counter() - began) / int(line), flush=True)


if __name__ == "__main__":
    main()
