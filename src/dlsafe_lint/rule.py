"""What every rule is, and the one walk that drives all rules over a file's LibCST tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeAlias, cast

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from dlsafe_lint import fixes
from dlsafe_lint.finding import Breakage, Edit, Finding, Fix, Range

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from libcst.metadata import CodeRange

    from dlsafe_lint.analysis.holdings import Spot
    from dlsafe_lint.facts import Call, Lambda, ModuleFacts, Statement
    from dlsafe_lint.finding import Applicability, Confidence, Place
    from dlsafe_lint.project import Project

Replacement: TypeAlias = cst.CSTNode | cst.RemovalSentinel | cst.FlattenSentinel[cst.CSTNode]


@dataclass(frozen=True, slots=True)
class Draft:
    """A fix in terms of nodes: what each node becomes.

    Attributes:
        title: imperative, without a full stop.
        replacements: what to put in the place of nodes of the tree; nodes inside a replaced node can't be replaced too.
        applicability: safe or unsafe.
        defines: module-level names that it introduces.
        may_unbind: module-level names that it removes on purpose.
        alone_from: an offset from which on, up to its last change, no other fix may change anything at the same time.
    """

    title: str
    replacements: Mapping[cst.CSTNode, Replacement]
    applicability: Applicability = "safe"
    defines: tuple[str, ...] = ()
    may_unbind: frozenset[str] = frozenset()
    alone_from: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a rule reports: a finding whose range is still a node."""

    rule: type[Rule]
    node: cst.CSTNode
    message: str
    breaks: tuple[Breakage, ...]
    help: str
    confidence: Confidence
    related: tuple[Place, ...]
    fix: Draft | None


@dataclass(slots=True)
class Tree:
    """One file's tree with the numbers that tie it to the facts.

    Attributes:
        module: the tree.
        calls, lambdas, statements: nodes by their number in the facts.
        parents: the parent of every node that the walk saw.
    """

    module: cst.Module
    calls: list[cst.Call] = field(default_factory=list)
    lambdas: list[cst.Lambda] = field(default_factory=list)
    statements: list[cst.CSTNode] = field(default_factory=list)
    numbers: dict[cst.CSTNode, int] = field(default_factory=dict)
    parents: dict[cst.CSTNode, cst.CSTNode] = field(default_factory=dict)

    def line_of(self, node: cst.CSTNode) -> cst.CSTNode:
        """Return the statement line or compound statement around a node: what stands in a body."""
        while not isinstance(node, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
            node = self.parents[node]
        return node

    def at(self, spot: Spot, name: str) -> cst.CSTNode:
        """Return the node at a spot; within it, the only place where the name is read, if there is one.

        Complete in ``leave_Module``.
        """
        if spot.kind == "lambda":
            return self.lambdas[spot.number]
        node: cst.CSTNode
        if spot.kind == "argument":
            node = call = self.calls[spot.number]
            for index, arg in enumerate(call.args):
                if spot.key in (arg.keyword.value if arg.keyword else None, index if not arg.keyword else None):
                    node = arg.value
        else:
            node = self.statements[spot.number]
            if isinstance(node, (cst.Assign, cst.AnnAssign, cst.AugAssign)) and node.value is not None:
                node = node.value
        if isinstance(node, cst.BaseCompoundStatement):
            return node
        found = [each for each in self.names(name) if each is node or node in self.enclosing(each)]
        return found[0] if len(found) == 1 else node

    def names(self, name: str) -> list[cst.Name]:
        """Return the places where a name is read or bound as a variable. Complete in ``leave_Module``."""
        return [node for node in self.parents if isinstance(node, cst.Name) and node.value == name]

    def enclosing(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        """Return the nodes around a node, from the inside out."""
        found = []
        at = self.parents.get(node)
        while at is not None:
            found.append(at)
            at = self.parents.get(at)
        return found

    def replaced(self, node: cst.CSTNodeT, replacements: Mapping[cst.CSTNode, Replacement]) -> cst.CSTNodeT:
        """Return a node of the tree with some of the nodes inside it replaced."""
        changed = node.visit(_Replacer(replacements, self.parents))
        return cast("cst.CSTNodeT", changed)

    def rewritten(
        self, replacements: Mapping[cst.CSTNode, Replacement], removed: Collection[cst.CSTNode] = ()
    ) -> cst.Module:
        """Return the module with some nodes replaced and whole lines at its top level taken out.

        Where a removed line leaves two runs of blank lines side by side, the longer one stays; at the end of the file
        none does. Comments above a removed line stay.

        Args:
            replacements: what to put in the place of nodes.
            removed: lines (statement lines or compound statements) in the module's body.
        """
        changed = self.module.visit(_Replacer(replacements, self.parents))
        if not isinstance(changed, cst.Module):
            return self.module
        gone = {id(node) for node in removed}
        body: list[cst.BaseCompoundStatement | cst.SimpleStatementLine] = []
        above: list[cst.EmptyLine] | None = None
        for before, line in zip(self.module.body, changed.body, strict=True):
            lines = list(line.leading_lines)
            if above is not None:
                lines = _joined(above, lines)
            if id(before) in gone:
                above = lines
                continue
            if above is not None:
                if not body and not changed.header:
                    lines = lines[_blanks(lines) :]
                line = line.with_changes(leading_lines=lines)
                above = None
            body.append(line)
        footer = list(changed.footer)
        if above is not None:
            footer = [*above, *footer] if any(line.comment for line in above) else footer[_blanks(footer) :]
        return changed.with_changes(body=body, footer=footer)


def _blanks(lines: Sequence[cst.EmptyLine]) -> int:
    """How many blank lines come first."""
    return next((index for index, line in enumerate(lines) if line.comment), len(lines))


def _joined(above: list[cst.EmptyLine], below: list[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """Put lines together; of the two runs of blank lines that meet, the longer one stays."""
    upper, lower = _blanks(above[::-1]), _blanks(below)
    return above + below[lower:] if upper >= lower else above[: len(above) - upper] + below


class Rule:
    """A rule: its class docstring is its documentation (see CONTRIBUTING.md for the headings).

    A rule asks the facts of the module and the project, and reports a finding and its fix from the very same node. It
    defines ``visit_X`` and ``leave_X`` for the node classes that it looks at; the walk calls them in source order.

    Attributes:
        code: "DLS101".
        name: the hazard in kebab case ("open-handle-in-dataset").
        in_notebooks: whether it makes sense in a notebook, which nobody imports and which needs no main guard.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    in_notebooks: ClassVar[bool] = True

    def __init__(self, facts: ModuleFacts, project: Project, tree: Tree) -> None:
        """Make the rule ready for one file."""
        self.facts = facts
        self.project = project
        self.tree = tree
        self.reports: list[Report] = []

    @classmethod
    def applies_to(cls, facts: ModuleFacts, project: Project) -> bool:
        """Tell whether the rule may have something to say about the module.

        It may be too generous, never too strict: where no rule applies, no tree is made.
        """
        raise NotImplementedError(cls, facts, project)

    def call(self, node: cst.Call) -> Call:
        """Return the facts of a call."""
        return self.facts.calls[self.tree.numbers[node]]

    def lambda_(self, node: cst.Lambda) -> Lambda:
        """Return the facts of a lambda."""
        return self.facts.lambdas[self.tree.numbers[node]]

    def statement(self, node: cst.CSTNode) -> Statement:
        """Return the facts of a statement."""
        return self.facts.statements[self.tree.numbers[node]]

    def report(
        self,
        node: cst.CSTNode,
        message: str,
        *,
        breaks: Sequence[Breakage] = (),
        help: str = "",  # noqa: A002
        confidence: Confidence = "certain",
        related: Sequence[Place] = (),
        fix: Draft | None = None,
    ) -> None:
        """Report a finding.

        Args:
            node: what the reader must change.
            message: one line, what is wrong.
            breaks: per start method, what happens.
            help: what to write instead.
            confidence: how sure the rule is.
            related: the chain of evidence.
            fix: what each node becomes; None if there is no fix.
        """
        self.reports.append(Report(type(self), node, message, tuple(breaks), help, confidence, tuple(related), fix))


def judge(rules: Sequence[type[Rule]], facts: ModuleFacts, project: Project, text: str) -> list[Finding]:
    """Run the rules over one file.

    Args:
        rules: those that apply.
        facts: the file's facts.
        project: what follows from all facts.
        text: the file's text, the very one that the facts were read from.

    Returns:
        The findings, unsorted.

    Raises:
        libcst.ParserSyntaxError: LibCST can't parse the text.
        OutOfStepError: the tree and the facts don't number the same nodes, which is a bug of ours.
    """
    tree = Tree(cst.parse_module(text))
    running = [rule(facts, project, tree) for rule in rules]
    drive(running, tree)
    if (len(tree.calls), len(tree.lambdas), len(tree.statements)) != (
        len(facts.calls),
        len(facts.lambdas),
        len(facts.statements),
    ):
        raise OutOfStepError(facts.path)
    reports = [report for rule in running for report in rule.reports]
    if not reports:
        return []
    positions = _positions(tree.module)
    drafts = {id(report.fix): report.fix for report in reports if report.fix}
    before = tree.module.code if drafts else ""
    made = {key: _fix(draft, tree, before, text) for key, draft in drafts.items()}
    return [_finding(report, tree, positions, facts.path, made.get(id(report.fix))) for report in reports]


def _positions(module: cst.Module) -> Mapping[cst.CSTNode, CodeRange]:
    """Return where every node stands.

    Asked through `MetadataWrapper.resolve`, LibCST 1.9 visits the whole tree once more for providers that there aren't.
    """
    return cast(
        "Mapping[cst.CSTNode, CodeRange]", PositionProvider()._gen(MetadataWrapper(module, unsafe_skip_copy=True))
    )


class OutOfStepError(Exception):
    """The tree and the facts of a file don't hold the same calls, lambdas and statements: a bug of the linter."""


def _finding(
    report: Report, tree: Tree, positions: Mapping[cst.CSTNode, CodeRange], path: str, fix: Fix | None
) -> Finding:
    # of a function or class its name: all of it would be underlined
    at = positions[report.node.name if isinstance(report.node, (cst.FunctionDef, cst.ClassDef)) else report.node]
    line = positions[tree.line_of(report.node)] if report.node is not tree.module else at
    last = at.end.line if isinstance(tree.line_of(report.node), cst.BaseCompoundStatement) else line.end.line
    return Finding(
        code=report.rule.code,
        message=report.message,
        path=path,
        range=Range(at.start.line, at.start.column + 1, at.end.line, at.end.column + 1),
        breaks=report.breaks,
        help=report.help,
        confidence=report.confidence,
        fix=fix,
        related=report.related,
        first_line=line.start.line,
        last_line=max(last, at.start.line),
    )


def _fix(draft: Draft, tree: Tree, before: str, text: str) -> Fix | None:
    """Return the fix as edits of the text; None where LibCST does not give the text back as it was."""
    # LibCST 1.9 drops the last line end of a file whose lines end in a carriage return alone
    if before != text and not (text.startswith(before) and not text[len(before) :].strip()):
        return None
    changed = tree.module.visit(_Replacer(draft.replacements, tree.parents))
    after = changed.code if isinstance(changed, cst.Module) else before
    edits = fixes.edits_between(before, after)
    if draft.alone_from is not None and edits:
        start, end = min(edits[0].start, draft.alone_from), edits[-1].end
        edits = (Edit(start, end, after[start : len(after) - len(before) + end]),)
    return Fix(draft.title, edits, draft.applicability, draft.defines, draft.may_unbind) if edits else None


class _Replacer(cst.CSTTransformer):
    """Puts the replacements in the place of their nodes; only visits what is on the way to them."""

    def __init__(
        self, replacements: Mapping[cst.CSTNode, Replacement], parents: Mapping[cst.CSTNode, cst.CSTNode]
    ) -> None:
        super().__init__()
        self.replacements = {id(node): replacement for node, replacement in replacements.items()}
        self.on_the_way: set[int] = set()
        self.everywhere = any(node not in parents for node in replacements)
        for node in replacements:
            at = parents.get(node)
            while at is not None and id(at) not in self.on_the_way:
                self.on_the_way.add(id(at))
                at = parents.get(at)

    def on_visit(self, node: cst.CSTNode) -> bool:
        return id(node) not in self.replacements and (self.everywhere or id(node) in self.on_the_way)

    def on_leave(
        self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT
    ) -> cst.CSTNodeT | cst.RemovalSentinel | cst.FlattenSentinel[cst.CSTNodeT]:
        return self.replacements.get(id(original_node), updated_node)  # type: ignore[return-value]


# The fields of each node class that carry meaning, in source order: the order in which facts.py numbers. Whitespace,
# punctuation and operators are left out, type parameters too (facts.py does not look at them either).
_FIELDS: dict[type[cst.CSTNode], tuple[str, ...]] = {
    cst.Module: ("body",),
    cst.SimpleStatementLine: ("body",),
    cst.SimpleStatementSuite: ("body",),
    cst.IndentedBlock: ("body",),
    cst.Expr: ("value",),
    cst.Assign: ("targets", "value"),
    cst.AssignTarget: ("target",),
    cst.AnnAssign: ("target", "annotation", "value"),
    cst.Annotation: ("annotation",),
    cst.AugAssign: ("target", "value"),
    cst.Return: ("value",),
    cst.Raise: ("exc", "cause"),
    cst.From: ("item",),
    cst.Assert: ("test", "msg"),
    cst.Del: ("target",),
    cst.TypeAlias: ("value",),
    cst.If: ("test", "body", "orelse"),
    cst.Else: ("body",),
    cst.For: ("target", "iter", "body", "orelse"),
    cst.While: ("test", "body", "orelse"),
    cst.With: ("items", "body"),
    cst.WithItem: ("item", "asname"),
    cst.AsName: ("name",),
    cst.Try: ("body", "handlers", "orelse", "finalbody"),
    cst.TryStar: ("body", "handlers", "orelse", "finalbody"),
    cst.ExceptHandler: ("type", "body"),
    cst.ExceptStarHandler: ("type", "body"),
    cst.Finally: ("body",),
    cst.Match: ("subject", "cases"),
    cst.MatchCase: ("guard", "body"),
    cst.FunctionDef: ("decorators", "params", "returns", "body"),
    cst.ClassDef: ("decorators", "bases", "keywords", "body"),
    cst.Decorator: ("decorator",),
    cst.Parameters: ("posonly_params", "params", "star_arg", "kwonly_params", "star_kwarg"),
    cst.Param: ("annotation", "default"),
    cst.Lambda: ("params", "body"),
    cst.Call: ("func", "args"),
    cst.Arg: ("value",),
    cst.Attribute: ("value",),
    cst.Subscript: ("value", "slice"),
    cst.SubscriptElement: ("slice",),
    cst.Index: ("value",),
    cst.Slice: ("lower", "upper", "step"),
    cst.IfExp: ("body", "test", "orelse"),
    cst.BooleanOperation: ("left", "right"),
    cst.BinaryOperation: ("left", "right"),
    cst.UnaryOperation: ("expression",),
    cst.Comparison: ("left", "comparisons"),
    cst.ComparisonTarget: ("comparator",),
    cst.Tuple: ("elements",),
    cst.List: ("elements",),
    cst.Set: ("elements",),
    cst.Element: ("value",),
    cst.StarredElement: ("value",),
    cst.Dict: ("elements",),
    cst.DictElement: ("key", "value"),
    cst.StarredDictElement: ("value",),
    cst.ListComp: ("elt", "for_in"),
    cst.SetComp: ("elt", "for_in"),
    cst.GeneratorExp: ("elt", "for_in"),
    cst.DictComp: ("key", "value", "for_in"),
    cst.CompFor: ("target", "iter", "ifs", "inner_for_in"),
    cst.CompIf: ("test",),
    cst.Await: ("expression",),
    cst.Yield: ("value",),
    cst.NamedExpr: ("target", "value"),
    cst.FormattedString: ("parts",),
    cst.FormattedStringExpression: ("expression", "format_spec"),
    cst.ConcatenatedString: ("left", "right"),
}
for _name, _fields in (
    ("TemplatedString", ("parts",)),
    ("TemplatedStringExpression", ("expression", "format_spec")),
):
    if hasattr(cst, _name):
        _FIELDS[getattr(cst, _name)] = _fields

_STATEMENTS = (cst.BaseSmallStatement, cst.BaseCompoundStatement)


def drive(rules: Sequence[Rule], tree: Tree) -> None:
    """Walk the tree once, read-only: number its nodes as the facts do, note parents, call every rule's methods.

    A rule's ``visit_X`` and ``leave_X`` are called in source order; what a rule sees of `Tree` in ``visit_X`` reaches
    to that node, in ``leave_Module`` to the end. LibCST's own ``visit`` costs fourteen times as much: it visits
    whitespace and rebuilds nodes.
    """
    enter, leave = _methods(rules, "visit_"), _methods(rules, "leave_")
    calls, lambdas, statements = tree.calls, tree.lambdas, tree.statements
    numbers, parents = tree.numbers, tree.parents
    stack: list[tuple[cst.CSTNode, bool]] = [(tree.module, True)]
    while stack:
        node, entering = stack.pop()
        kind = type(node)
        if not entering:
            for method in leave[kind]:
                method(node)
            continue
        if kind is cst.Call:
            numbers[node] = len(calls)
            calls.append(node)  # type: ignore[arg-type]
        elif kind is cst.Lambda:
            numbers[node] = len(lambdas)
            lambdas.append(node)  # type: ignore[arg-type]
        elif isinstance(node, _STATEMENTS):
            numbers[node] = len(statements)
            statements.append(node)
        for method in enter.get(kind, ()):
            method(node)
        if kind in leave:
            stack.append((node, False))
        for name in reversed(_FIELDS.get(kind, ())):
            child = getattr(node, name)
            if isinstance(child, cst.CSTNode):
                parents[child] = node
                stack.append((child, True))
            elif isinstance(child, (list, tuple)):
                for each in reversed(child):
                    parents[each] = node
                    stack.append((each, True))


def _methods(rules: Sequence[Rule], prefix: str) -> dict[type[cst.CSTNode], list[Callable[[cst.CSTNode], None]]]:
    found: dict[type[cst.CSTNode], list[Callable[[cst.CSTNode], None]]] = {}
    for rule in rules:
        for name in dir(rule):
            if name.startswith(prefix):
                found.setdefault(getattr(cst, name.removeprefix(prefix)), []).append(getattr(rule, name))
    return found
