"""Residual sums made visible to layer-wise relevance propagation.

A sum that a model writes as `a + b` has no module, so no rule: the gradient hands all relevance to either branch, twice
as much as there was (2^8 of it after the eight blocks of a ResNet-18). In the copy that LRP propagates through it is
zennit's `Sum`, whose rule shares relevance by the branches' contributions.
"""

from __future__ import annotations

import operator

import torch
from torch import fx, nn
from zennit.layer import Sum

from xraybench.errors import NotApplicableError
from xraybench.explainers._copy import with_hooks_of

ADDITIONS = (operator.add, torch.add, "add")
PRODUCTS = (operator.mul, operator.truediv, torch.mul, torch.div, torch.matmul, operator.matmul, "mul", "div", "matmul")

SIZES = (getattr, "size", "dim", "numel")  # what is no tensor any more


def with_sums(copy: nn.Module) -> nn.Module:
    """The copy with a `Sum` for each addition of two computed tensors; itself where there is none.

    NotApplicableError where two tensors are multiplied (a gate, a learnt scale): the gradient of a product hands on
    another share of relevance than arrived, next to nothing of it after the gates of an EfficientNet.
    A model that cannot be traced keeps its sums; its conservation error says what that costs.
    """
    try:
        traced = fx.symbolic_trace(copy)
    except (TypeError, ValueError, RuntimeError, NotImplementedError):  # as fx raises on control flow that sees values
        return copy
    if _has_products(traced.graph):
        raise NotApplicableError("relevance propagation has no rule for products (gates, learnt scales) in a model")
    additions = [node for node in traced.graph.nodes if _adds(node)]
    if not additions:
        return copy
    for number, node in enumerate(additions):
        _replace(traced, node, f"residual_sum{number + 1}")
    traced.recompile()
    return with_hooks_of(copy, traced.eval().requires_grad_(False))


def _has_products(graph: fx.Graph) -> bool:
    """Whether two tensors are multiplied; products of sizes do not count."""
    tensors: set[fx.Node] = set()
    for node in graph.nodes:
        factors = [argument for argument in node.all_input_nodes if argument in tensors]
        if node.target in PRODUCTS and len(factors) == 2:
            return True
        if node.op in ("placeholder", "get_attr", "call_module") or (factors and node.target not in SIZES):
            tensors.add(node)
    return False


def _adds(node: fx.Node) -> bool:
    computed = [argument for argument in node.args if isinstance(argument, fx.Node) and argument.op != "get_attr"]
    return node.op in ("call_function", "call_method") and node.target in ADDITIONS and len(computed) == 2


def _replace(traced: fx.GraphModule, node: fx.Node, name: str) -> None:
    traced.add_submodule(name, Sum(dim=-1))
    with traced.graph.inserting_before(node):
        stacked = traced.graph.call_function(torch.stack, (list(node.args[:2]),), {"dim": -1})
        total = traced.graph.call_module(name, (stacked,))
    node.replace_all_uses_with(total)
    traced.graph.erase_node(node)
