"""DLS201: a lambda that is handed to workers."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar

import libcst as cst

from dlsafe_lint.apis import BUILTINS
from dlsafe_lint.handovers import handovers
from dlsafe_lint.rule import Draft, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dlsafe_lint.facts import ModuleFacts
    from dlsafe_lint.handovers import Handed
    from dlsafe_lint.project import Project

_BLANK = cst.EmptyLine(indent=False)
_DEFAULTS_WITHOUT_MEANING = (cst.Integer, cst.Float, cst.SimpleString)


class LambdaForWorker(Rule):
    """A lambda is handed to worker processes.

    ## Why is this bad?
    What workers get is pickled, and functions are pickled by name. A lambda has none. What is handed over when a worker
    starts (`collate_fn`, `worker_init_fn`, the target of a `Process`, the initializer of a `Pool`) fails under `spawn`
    (the default on Windows and macOS) and `forkserver` (on Linux since Python 3.14) with "Can't pickle local object" or
    "attribute lookup <lambda> failed". What goes through the queue of a `Pool` or a `ProcessPoolExecutor` fails under
    every start method; where nobody asks for the result (`apply_async`, `submit`), the task silently never runs.

    `sampler`, `batch_sampler` and `generator` stay in the parent, and threads share everything: lambdas are fine there.

    ## Example
    ```python
    import torch
    from torch.utils.data import DataLoader


    def make_loader(dataset):
        return DataLoader(dataset, num_workers=4, collate_fn=lambda batch: torch.stack(batch))
    ```

    ## Use instead
    ```python
    import torch
    from torch.utils.data import DataLoader


    def collate_fn(batch):
        return torch.stack(batch)


    def make_loader(dataset):
        return DataLoader(dataset, num_workers=4, collate_fn=collate_fn)
    ```

    ## Fix safety
    Safe: the lambda becomes a function of the module, just before the statement that holds it, under a name that the
    module does not use; a variable of the module that is bound to a lambda becomes a function of that name. Offered
    where the lambda uses nothing of the functions and classes around it, and no name that only exists under the main
    guard.

    ## References
    - [PyTorch: platform-specific behaviors](https://docs.pytorch.org/docs/stable/data.html#platform-specific-behaviors)
    - [Python: what can be pickled](https://docs.python.org/3/library/pickle.html#what-can-be-pickled-and-unpickled)
    """

    code: ClassVar[str] = "DLS201"
    name: ClassVar[str] = "lambda-for-worker"

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Apply to modules with a lambda that workers are handed."""
        return any(
            each.origin.kind == "lambda" and each.taker.kind != "dataset"
            for each in handovers(project).get(facts.path, ())
        )

    def leave_Module(self, node: cst.Module) -> None:  # noqa: ARG002
        """Report every lambda that workers are handed."""
        for handed in handovers(self.project).get(self.facts.path, ()):
            origin, taker = handed
            if origin.kind != "lambda" or taker.kind == "dataset":
                continue
            found = self.tree.lambdas[origin.spot.number]
            message = f"a lambda {taker.what} can't be pickled"
            if taker.forgotten:
                message += ", and nobody asks for the result: the task silently never runs"
            captured = self._captured(found)
            self.report(
                found,
                message,
                breaks=handed.breaks,
                help=_help(captured),
                confidence=taker.confidence,
                related=handed.related,
                fix=None if captured else self._fix(found, handed),
            )

    def _captured(self, found: cst.Lambda) -> list[str]:
        """Return the names that a function at module level would not find, or not find in a worker."""
        scope = self.lambda_(found).scope
        names: dict[str, None] = {}
        for node in _inside(found):
            if isinstance(node, cst.Name) and self.tree.parents.get(node) is not None:
                at = self.facts.resolve(node.value, scope)
                outside = (at > 0 and at != scope) or (at == 0 and self._is_guarded(node.value))
                if outside or (at < 0 and node.value in ("super", "__class__")):
                    names[node.value] = None
        return list(names)

    def _is_guarded(self, name: str) -> bool:
        """Whether the module binds the name under its main guard only."""
        bindings = self.facts.scopes[0].bindings.get(name, ())
        return bool(bindings) and all(
            self.facts.in_block(binding.statement, "guard")
            or not self.facts.runs_at_import(self.facts.statements[binding.statement].scope)
            for binding in bindings
        )

    def _fix(self, found: cst.Lambda, handed: Handed) -> Draft | None:
        if not self._can_move(found, handed):
            return None
        variable = self._variable(found)
        if variable is not None:
            return self._function_in_place(found, *variable)
        top = self._top(found)
        same = self._same_function(found, top)
        if same is not None:
            renamed = cst.Name(same, lpar=found.lpar, rpar=found.rpar)
            return Draft(f"Use `{same}`, which does the same", {found: renamed})
        name = self._free_name(handed.taker.role or "work")
        function = _function(self.tree.module, found, name, ())
        if function is None or top is None:
            return None
        first = self.tree.module.body[0] is top
        moved = top.deep_replace(found, cst.Name(name, lpar=found.lpar, rpar=found.rpar))
        if not isinstance(moved, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
            return None
        moved = moved.with_changes(leading_lines=_after_two_blanks(moved.leading_lines))
        function = function.with_changes(leading_lines=() if first else (_BLANK, _BLANK))
        return Draft(
            f"Make the lambda a function of the module, `{name}`",
            {top: cst.FlattenSentinel([function, moved])},
            defines=(name,),
        )

    def _can_move(self, found: cst.Lambda, handed: Handed) -> bool:
        """Whether a function at module level would mean the same, wherever it stands."""
        if handed.origin.held or self.facts.path.endswith("/__main__.py"):
            return False
        if any(isinstance(node, (cst.Yield, cst.Await, cst.NamedExpr)) for node in _inside(found)):
            return False
        params = found.params
        every = [*params.posonly_params, *params.params, *params.kwonly_params]
        if not all(each.default is None or _is_constant(each.default) for each in every):
            return False
        # names in a class body may be mangled
        private = any(
            isinstance(node, cst.Name) and node.value.startswith("__") and not node.value.endswith("__")
            for node in _inside(found)
        )
        return not private

    def _top(self, found: cst.Lambda) -> cst.SimpleStatementLine | cst.BaseCompoundStatement | None:
        """Return the statement of the module's body that holds the lambda."""
        around = self.tree.enclosing(found)
        top = around[-2] if len(around) > 1 else None
        return top if isinstance(top, (cst.SimpleStatementLine, cst.BaseCompoundStatement)) else None

    def _same_function(self, found: cst.Lambda, top: cst.CSTNode | None) -> str | None:
        """Return the name of a function further up in the module that is what the lambda would become."""
        module = self.tree.module
        for node in itertools.takewhile(lambda each: each is not top, module.body):
            if isinstance(node, cst.FunctionDef) and len(self.facts.scopes[0].bindings.get(node.name.value, ())) == 1:
                made = _function(module, found, node.name.value, ())
                plain = node.with_changes(leading_lines=(), lines_after_decorators=())
                if made is not None and module.code_for_node(made) == module.code_for_node(plain):
                    return node.name.value
        return None

    def _variable(self, found: cst.Lambda) -> tuple[str, cst.SimpleStatementLine] | None:
        """Return the name and statement of a variable of the module that is bound to the lambda alone."""
        assign = self.tree.parents[found]
        line = self.tree.parents[assign]
        target: cst.BaseExpression | None = None
        if isinstance(assign, cst.Assign) and len(assign.targets) == 1:
            target = assign.targets[0].target
        elif isinstance(assign, cst.AnnAssign):
            target = assign.target
        if not isinstance(target, cst.Name) or not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
            return None
        if self.tree.parents[line] is not self.tree.module:
            return None
        alone = len(self.facts.scopes[0].bindings.get(target.value, ())) == 1
        return (target.value, line) if alone else None

    def _function_in_place(self, found: cst.Lambda, name: str, line: cst.SimpleStatementLine) -> Draft | None:
        function = _function(self.tree.module, found, name, _comments(line.trailing_whitespace))
        if function is None:
            return None
        body = list(self.tree.module.body)
        at = body.index(line)
        blanks = line.leading_lines if at == 0 else _after_two_blanks(line.leading_lines)
        replacements: dict[cst.CSTNode, cst.CSTNode] = {line: function.with_changes(leading_lines=blanks)}
        if at + 1 < len(body):
            after = body[at + 1]
            if isinstance(after, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
                replacements[after] = after.with_changes(leading_lines=_after_two_blanks(after.leading_lines))
        return Draft(f"Make `{name}` a function", replacements)

    def _free_name(self, wanted: str) -> str:
        """Return the name, or the name with a number, that nothing in the module is called."""
        taken = set(BUILTINS)
        for scope in self.facts.scopes:
            taken.update(scope.bindings, scope.declared, (param.name for param in scope.params))
        taken.update(node.value for node in self.tree.parents if isinstance(node, cst.Name))
        names = itertools.chain([wanted], (f"{wanted}_{number}" for number in itertools.count(2)))
        return next(name for name in names if name not in taken)


def _help(captured: Sequence[str]) -> str:
    if not captured:
        return "write it as a function at module level"
    names = ", ".join(f"`{name}`" for name in captured)
    return f"write it as a function at module level and hand {names} over by `functools.partial`"


def _inside(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    stack: list[cst.CSTNode] = [node]
    while stack:
        at = stack.pop()
        yield at
        stack.extend(at.children)


def _is_constant(node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.UnaryOperation):
        return _is_constant(node.expression)
    if isinstance(node, cst.Name):
        return node.value in ("None", "True", "False")
    return isinstance(node, _DEFAULTS_WITHOUT_MEANING)


def _after_two_blanks(lines: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """Return the lines above a statement with two blank ones at their start."""
    rest = list(itertools.dropwhile(lambda line: line.comment is None, lines))
    return [_BLANK, _BLANK, *rest]


def _comments(whitespace: cst.TrailingWhitespace) -> tuple[cst.TrailingWhitespace, ...]:
    return (whitespace,) if whitespace.comment is not None else ()


def _function(
    module: cst.Module, found: cst.Lambda, name: str, trailing: Sequence[cst.TrailingWhitespace]
) -> cst.FunctionDef | None:
    """Return the function that does what the lambda does, None if a comment would get lost."""
    body = found.body
    if "\n" in module.code_for_node(body) and not _is_closed(module, body):
        inner = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(module.default_indent))
        outer = cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(""))
        body = _shifted(module, body, len(module.default_indent))
        body = body.with_changes(
            lpar=[cst.LeftParen(whitespace_after=inner), *body.lpar],
            rpar=[*body.rpar, cst.RightParen(whitespace_before=outer)],
        )
    else:
        body = _shifted(module, body, 0)
    line = cst.SimpleStatementLine([cst.Return(body)])
    if trailing:
        line = line.with_changes(trailing_whitespace=trailing[0])
    function = cst.FunctionDef(cst.Name(name), found.params, cst.IndentedBlock([line]))
    before = [node.value for node in _inside(found) if isinstance(node, cst.Comment)]
    after = [node.value for node in _inside(function) if isinstance(node, cst.Comment)]
    return function if all(after.count(comment) >= before.count(comment) for comment in before) else None


def _is_closed(module: cst.Module, body: cst.BaseExpression) -> bool:
    """Whether the expression can stand on several lines as it is: each line break is inside brackets."""
    try:
        cst.parse_expression(module.code_for_node(body), module.config_for_parsing)
    except cst.ParserSyntaxError:
        return False
    return True


def _shifted(module: cst.Module, body: cst.BaseExpression, to: int) -> cst.BaseExpression:
    """Return the expression with its lines moved to the left as far as they go together."""
    breaks = [node for node in _inside(body) if isinstance(node, cst.ParenthesizedWhitespace)]
    depths = [len(node.last_line.value) for node in breaks]
    if not depths:
        return body
    closes = module.code_for_node(body).rsplit("\n", 1)[-1].lstrip()[:1] in ")]}"
    shift = min(depths) - to - (0 if closes or to else len(module.default_indent))
    if shift <= 0:
        return body
    left = _Shift({id(node): shift for node in breaks})
    moved = body.visit(left)
    return moved if isinstance(moved, cst.BaseExpression) else body


class _Shift(cst.CSTTransformer):
    """Takes indentation away after line breaks."""

    def __init__(self, breaks: Mapping[int, int]) -> None:
        super().__init__()
        self.breaks = breaks

    def leave_ParenthesizedWhitespace(
        self, original_node: cst.ParenthesizedWhitespace, updated_node: cst.ParenthesizedWhitespace
    ) -> cst.ParenthesizedWhitespace:
        shift = self.breaks.get(id(original_node), 0)
        return updated_node.with_changes(last_line=cst.SimpleWhitespace(updated_node.last_line.value[shift:]))
