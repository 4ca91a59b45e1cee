#include "textflag.h"

// func dot(a, b []float32) float32
TEXT ·dot(SB), NOSPLIT, $0-52
	MOVQ  a_base+0(FP), SI
	MOVQ  a_len+8(FP), CX
	MOVQ  b_base+24(FP), DI
	XORPS X0, X0 // four sums of four, as each addition waits for the one before
	XORPS X1, X1
	XORPS X2, X2
	XORPS X3, X3

sixteen:
	CMPQ   CX, $16
	JLT    four
	MOVUPS (SI), X4
	MOVUPS 16(SI), X5
	MOVUPS 32(SI), X6
	MOVUPS 48(SI), X7
	MOVUPS (DI), X8
	MOVUPS 16(DI), X9
	MOVUPS 32(DI), X10
	MOVUPS 48(DI), X11
	MULPS  X8, X4
	MULPS  X9, X5
	MULPS  X10, X6
	MULPS  X11, X7
	ADDPS  X4, X0
	ADDPS  X5, X1
	ADDPS  X6, X2
	ADDPS  X7, X3
	ADDQ   $64, SI
	ADDQ   $64, DI
	SUBQ   $16, CX
	JMP    sixteen

four:
	CMPQ   CX, $4
	JLT    one
	MOVUPS (SI), X4
	MOVUPS (DI), X8
	MULPS  X8, X4
	ADDPS  X4, X0
	ADDQ   $16, SI
	ADDQ   $16, DI
	SUBQ   $4, CX
	JMP    four

one:
	TESTQ CX, CX
	JEQ   sum
	MOVSS (SI), X4
	MULSS (DI), X4
	ADDSS X4, X1
	ADDQ  $4, SI
	ADDQ  $4, DI
	DECQ  CX
	JMP   one

sum:
	ADDPS   X1, X0
	ADDPS   X3, X2
	ADDPS   X2, X0
	MOVHLPS X0, X1
	ADDPS   X1, X0
	MOVAPS  X0, X1
	SHUFPS  $1, X1, X1
	ADDSS   X1, X0
	MOVSS   X0, ret+48(FP)
	RET

// func filter(dst []int16, n, stride int, taps, samples []float32, step int)
TEXT ·filter(SB), NOSPLIT, $0-96
	MOVQ dst_base+0(FP), DX
	MOVQ n+24(FP), R8
	MOVQ stride+32(FP), R9
	MOVQ taps_base+40(FP), SI
	MOVQ taps_len+48(FP), R10
	MOVQ samples_base+64(FP), BX
	MOVQ step+88(FP), R11
	SHLQ $1, R9
	SHLQ $2, R11

next:
	MOVQ  SI, AX
	MOVQ  BX, DI
	MOVQ  R10, CX
	XORPS X0, X0
	XORPS X1, X1
	XORPS X2, X2
	XORPS X3, X3

sixteen:
	CMPQ   CX, $16
	JLT    four
	MOVUPS (AX), X4
	MOVUPS 16(AX), X5
	MOVUPS 32(AX), X6
	MOVUPS 48(AX), X7
	MOVUPS (DI), X8
	MOVUPS 16(DI), X9
	MOVUPS 32(DI), X10
	MOVUPS 48(DI), X11
	MULPS  X8, X4
	MULPS  X9, X5
	MULPS  X10, X6
	MULPS  X11, X7
	ADDPS  X4, X0
	ADDPS  X5, X1
	ADDPS  X6, X2
	ADDPS  X7, X3
	ADDQ   $64, AX
	ADDQ   $64, DI
	SUBQ   $16, CX
	JMP    sixteen

four:
	CMPQ   CX, $4
	JLT    sum
	MOVUPS (AX), X4
	MOVUPS (DI), X8
	MULPS  X8, X4
	ADDPS  X4, X0
	ADDQ   $16, AX
	ADDQ   $16, DI
	SUBQ   $4, CX
	JMP    four

sum:
	ADDPS    X1, X0
	ADDPS    X3, X2
	ADDPS    X2, X0
	MOVHLPS  X0, X1
	ADDPS    X1, X0
	MOVAPS   X0, X1
	SHUFPS   $1, X1, X1
	ADDSS    X1, X0
	CVTPS2PL X0, X0 // to the nearest, the even one of two
	PACKSSLW X0, X0
	MOVL     X0, AX
	MOVW     AX, (DX)
	ADDQ     R9, DX
	ADDQ     R11, BX
	DECQ     R8
	JNZ      next
	RET

// func interpolate(dst []int16, kernel *Kernel, samples []float32, at, speed float64) float64
TEXT ·interpolate(SB), NOSPLIT, $0-80
	MOVQ  dst_base+0(FP), DX
	MOVQ  dst_len+8(FP), R8
	MOVQ  kernel+24(FP), SI
	MOVQ  samples_base+32(FP), BX
	MOVSD at+56(FP), X15
	MOVSD speed+64(FP), X14
	MOVQ  $64, AX // Steps, and how many octets Taps take
	CVTSQ2SD AX, X13

next:
	CVTTSD2SQ X15, CX // the sample
	XORPS     X0, X0
	CVTSQ2SD  CX, X0
	MOVAPS    X15, X1
	SUBSD     X0, X1
	MULSD     X13, X1
	CVTTSD2SQ X1, AX  // the place behind it
	XORPS     X0, X0
	CVTSQ2SD  AX, X0
	SUBSD     X0, X1
	CVTSD2SS  X1, X12 // and how far to the next one
	SHUFPS    $0, X12, X12
	SHLQ      $6, AX
	ADDQ      SI, AX
	LEAQ      (BX)(CX*4), DI
	MOVUPS    (DI), X0
	MOVUPS    16(DI), X1
	MOVUPS    32(DI), X2
	MOVUPS    48(DI), X3
	MOVUPS    (AX), X4
	MOVUPS    16(AX), X5
	MOVUPS    32(AX), X6
	MOVUPS    48(AX), X7
	MOVUPS    64(AX), X8
	MOVUPS    80(AX), X9
	MOVUPS    96(AX), X10
	MOVUPS    112(AX), X11
	MULPS     X0, X4
	MULPS     X1, X5
	MULPS     X2, X6
	MULPS     X3, X7
	MULPS     X0, X8
	MULPS     X1, X9
	MULPS     X2, X10
	MULPS     X3, X11
	ADDPS     X5, X4
	ADDPS     X7, X6
	ADDPS     X9, X8
	ADDPS     X11, X10
	ADDPS     X6, X4
	ADDPS     X10, X8
	SUBPS     X4, X8
	MULPS     X12, X8
	ADDPS     X8, X4
	MOVHLPS   X4, X1
	ADDPS     X1, X4
	MOVAPS    X4, X1
	SHUFPS    $1, X1, X1
	ADDSS     X1, X4
	CVTPS2PL  X4, X4
	PACKSSLW  X4, X4
	MOVL      X4, AX
	MOVW      AX, (DX)
	ADDQ      $2, DX
	ADDSD     X14, X15
	DECQ      R8
	JNZ       next
	MOVSD     X15, ret+72(FP)
	RET
