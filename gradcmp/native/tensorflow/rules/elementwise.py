"""Operations that compute element by element, and those that are exact."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gradcmp.judge.noise.rules.arithmetic import KAPPA
from gradcmp.native.tensorflow.rules.rule import (
    Context,
    Rule,
    numbers,
    table,
    tensor_of,
    words,
)
from gradcmp.native.tensorflow.stream import Operation, Tensor, Tensors, is_wide
from gradcmp.ops import OPS
from gradcmp.ops.erf import erf_value

# How far libraries stray, in units of u: as NumPy's function of the same kind, which the
# reference of graphs is made of.
ALIKE = {
    np.add: "Add AddV2 Sub BiasAdd BiasAddV1",
    np.multiply: "Mul MulNoNan",
    np.divide: "Div RealDiv DivNoNan",
    np.reciprocal: "Reciprocal Inv",
    np.square: "Square",
    np.sqrt: "Sqrt",
    np.exp: "Exp",
    np.log: "Log",
    np.sin: "Sin",
    np.cos: "Cos",
    np.log1p: "Log1p",
    np.expm1: "Expm1",
    np.tanh: "Tanh Tan Sinh Cosh Asinh Acosh Atanh",
    erf_value: "Erf Erfc Erfinv Ndtri Lgamma Digamma Polygamma Zeta Igamma Igammac IgammaGradA "
    "Betainc BesselI0 BesselI0e BesselI1 BesselI1e BesselJ0 BesselJ1 BesselK0 BesselK0e BesselK1 "
    "BesselK1e BesselY0 BesselY1 Dawsn Expint FresnelCos FresnelSin Spence",
}
OWN = {
    "SquaredDifference Softsign": 2.0,
    "Rsqrt SoftsignGrad": 3.0,
    "Xlogy Xdivy": 5.0,
    "Elu Selu": 6.0,
    "EluGrad SeluGrad": 2.0,
    "Sigmoid Softplus Asin Acos Atan Atan2 Xlog1py": 8.0,
    "LinSpace": 1.0,
}
# Of powers with a number: products, roots and quotients.
POWERS = {0: 0.0, 1: 0.0, 2: 1.0, 3: 2.0, 4: 2.0, 0.5: 2.0, -0.5: 3.0, -1: 1.0, -2: 2.0}
PRODUCTS = frozenset(words("Mul MulNoNan Div RealDiv DivNoNan"))

EXACT = words(
    "Abs AddManySparseToTensorsMap AdjustContrast All Any Assert AssignAddVariableOp "
    "AssignSubVariableOp AssignVariableOp BatchToSpace BatchToSpaceND Bitcast BroadcastArgs "
    "BroadcastGradientArgs BroadcastTo CheckNumerics CheckNumericsV2 "
    "ClipByValue Complex Concat ConcatOffset ConcatV2 Conj Const CopyHost Copy Cummax Cummin "
    "DataFormatDimMap DataFormatVecPermute DebugGradientIdentity DebugIdentity DeepCopy "
    "DepthToSpace DestroyResourceOp Diag DiagPart DynamicPartition DynamicStitch EagerPyFunc "
    "Empty EnsureShape ExpandDims ExtractImagePatches ExtractVolumePatches Fill "
    "Gather GatherNd GatherV2 Identity IdentityN Imag InTopK InTopKV2 "
    "InvertPermutation IsFinite IsInf IsNan IsVariableInitialized LogicalAnd LogicalNot "
    "LogicalOr MatrixBandPart MatrixDiag MatrixDiagPart MatrixDiagPartV2 "
    "MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 "
    "Max MaxPool MaxPool3D MaxPoolV2 Maximum Min Minimum MirrorPad Multinomial Neg "
    "NextAfter NoOp OneHot OnesLike Pack Pad PadV2 ParallelConcat ParallelDynamicStitch "
    "Placeholder PlaceholderWithDefault PopulationCount PreventGradient Print PrintV2 "
    "RaggedRange RaggedTensorToTensor Range Rank ReadVariableOp Real RefIdentity Reshape "
    "ResizeNearestNeighbor ResourceGather ResourceGatherNd ResourceScatterUpdate Reverse "
    "ReverseSequence ReverseV2 Roll ScatterNdNonAliasingAdd SegmentMax "
    "SegmentMin Select SelectV2 Shape ShapeN Size Slice SpaceToBatch SpaceToBatchND "
    "SpaceToDepth SparseReshape SparseSlice SparseToDense Split SplitV Squeeze "
    "StatelessMultinomial StopGradient StridedSlice StridedSliceGrad TensorListConcat "
    "TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather "
    "TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListReserve "
    "TensorListResize TensorListScatter TensorListScatterIntoExistingList TensorListScatterV2 "
    "TensorListSetItem TensorListSplit TensorListStack TensorScatterMax TensorScatterMin "
    "TensorScatterUpdate TensorStridedSliceUpdate Tile Transpose Unique "
    "UniqueV2 UniqueWithCounts Unpack UnravelIndex UnsortedSegmentMax UnsortedSegmentMin "
    "VarHandleOp VarIsInitializedOp VariableShape Where XlaSharding ZerosLike"
)


def approximate(kappa: float) -> Rule:
    """Return the rule of what is computed element by element."""

    def rule(context: Context, operation: Operation) -> Tensors:
        product = operation.name in PRODUCTS
        return [
            one if _is_plain(context, one) else jittered(context, one, kappa, product)
            for one in operation.run()
        ]

    return rule


def jittered(context: Context, y: Tensor, kappa: float, product: bool = False) -> Tensor:
    """Return what was computed, with its error; of complex numbers each part has one."""
    if not kappa:
        return y
    if is_wide(y):
        return tensor_of(context.rounding.jitter(numbers(y), kappa, product), y)
    if y.dtype == tf.complex128:
        parts = numbers(y).reshape(-1).view(np.float64)
        whole = context.rounding.jitter(parts, kappa).view(np.complex128)
        return tensor_of(whole.reshape(y.shape), y)
    return y


def _is_plain(context: Context, y: Tensor) -> bool:
    """Whether it is one number that the dtype holds: an exponent less 1 is whole, and stays so."""
    return is_wide(y) and numbers(y).size == 1 and context.rounding.holds(numbers(y))


def _power(context: Context, operation: Operation) -> Tensors:
    (y,) = operation.run()
    if not is_wide(y):
        return [y]
    exponents = np.unique(numbers(operation.inputs[1]))
    usual = KAPPA[np.power]
    kappa = POWERS.get(float(exponents[0]), usual) if exponents.size == 1 else usual
    return [jittered(context, y, kappa)]


def _product(context: Context, operation: Operation) -> Tensors:
    """A product of n numbers: n errors, of either sign."""
    x, (y,) = operation.inputs[0], operation.run()
    terms = numbers(x).size / max(numbers(y).size, 1)
    return [jittered(context, y, max(terms, 1.0) ** 0.5)]


def exact(context: Context, operation: Operation) -> Tensors:
    """Run it: numbers are moved, negated or chosen, and none is rounded."""
    return operation.run()


def _kappa(primitive: object) -> float:
    known = KAPPA.get(primitive, OPS.noise(primitive))  # type: ignore[call-overload, arg-type]
    assert known is not None
    return float(known)


RULES: dict[str, Rule] = {
    **dict.fromkeys(EXACT, exact),
    **table({names: approximate(_kappa(one)) for one, names in ALIKE.items()}),
    **table({names: approximate(kappa) for names, kappa in OWN.items()}),
    **table({"Pow": _power, "Prod Cumprod": _product}),
}
