"""What a traced step keeps in memory and computes, counted on its graph; nothing is run."""

from typing import Any

_LOOPS = {"StatelessWhile", "While"}
_VIEWS = {"EnsureShape", "ExpandDims", "Identity", "PreventGradient", "Reshape", "Squeeze",
          "StopGradient"}  # fmt: skip
_ELSEWHERE = {"Const", "Placeholder", "ReadVariableOp"}
_IN_PLACE = {"Abs", "AddN", "AddV2", "BiasAdd", "Elu", "EluGrad", "Mul", "Neg", "RealDiv", "Relu",
             "ReluGrad", "Sign", "Square", "Sub", "Tanh", "TanhGrad"}  # fmt: skip


def peak_bytes(graph: Any) -> int:
    """Most bytes of tensors that live at one time in a `tf.Graph`, without its inputs."""
    operations = [item for item in needed(graph) if item.type != "Placeholder"]
    owner: dict[Any, Any] = {}  # From a tensor's id to the id of what holds its bytes.
    last_use: dict[Any, int] = {}
    for place, operation in enumerate(operations):
        read = [owner.get(id(tensor), id(tensor)) for tensor in operation.inputs]
        for tensor in operation.outputs:
            owner[id(tensor)] = read[0] if operation.type in _VIEWS else id(tensor)
            last_use[owner[id(tensor)]] = place
        last_use.update(dict.fromkeys(read, place))
    last_use.update({owner[id(t)]: len(operations) for t in graph.outputs if id(t) in owner})

    live: dict[Any, int] = {}
    held = peak = 0
    for place, operation in enumerate(operations):
        dying = [
            key
            for key in {owner.get(id(tensor), id(tensor)) for tensor in operation.inputs}
            if last_use[key] == place
        ]
        made = [tensor for tensor in operation.outputs if owner[id(tensor)] == id(tensor)]
        size = 0 if operation.type in _ELSEWHERE else sum(map(tensor_bytes, made))
        freed = sum(live.pop(key, 0) for key in dying)
        within = peak_bytes(_body(graph, operation)) if operation.type in _LOOPS else 0
        peak = max(peak, held + size + within - (freed if operation.type in _IN_PLACE else 0))
        held -= freed
        for tensor in made if size else ():
            if last_use[id(tensor)] > place:
                live[id(tensor)] = tensor_bytes(tensor)
                held += live[id(tensor)]
    return peak


def needed(graph: Any) -> list[Any]:
    """The operations of a `tf.Graph` that run: gradients that nobody asked for are in it too."""
    wanted = {id(tensor.op) for tensor in graph.outputs} | set(map(id, graph.control_outputs))
    kept = []
    for operation in reversed(graph.get_operations()):
        if id(operation) in wanted or operation.type.startswith("Assign"):
            kept.append(operation)
            wanted |= {id(tensor.op) for tensor in operation.inputs}
            wanted |= set(map(id, operation.control_inputs))
    return kept[::-1]


def tensor_bytes(tensor: Any) -> int:
    """Bytes of a tensor or variable; 0 if its shape is not known."""
    if not tensor.shape.is_fully_defined() or tensor.dtype.size is None:
        return 0
    return tensor.shape.num_elements() * tensor.dtype.size


def _body(graph: Any, loop: Any) -> Any:
    return graph._get_function(loop.get_attr("body").name).graph


def matrix_operations(graph: Any, turns: int = 0) -> float:
    """Floating-point operations of a graph's convolutions and matrix products, forward and back.

    Args:
        graph: a `tf.Graph`.
        turns: of each loop in it.
    """
    total = 0.0
    for operation in needed(graph):
        inputs = operation.inputs
        if operation.type == "Conv2D":
            places, kernel = operation.outputs[0], inputs[1].shape
        elif operation.type == "Conv2DBackpropInput":
            places, kernel = inputs[2], inputs[1].shape
        elif operation.type == "Conv2DBackpropFilter":
            places, kernel = inputs[2], operation.outputs[0].shape
        elif operation.type == "MatMul":
            first = inputs[0].shape
            inner = first[0 if operation.get_attr("transpose_a") else 1]
            total += 2 * operation.outputs[0].shape.num_elements() * inner
            continue
        elif operation.type in _LOOPS:
            total += turns * matrix_operations(_body(graph, operation), turns)
            continue
        else:
            continue
        total += 2 * places.shape[:3].num_elements() * kernel.num_elements()
    return total
