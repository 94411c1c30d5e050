#include "textflag.h"

// func rdseed() (n uint64, ok bool)
TEXT ·rdseed(SB), NOSPLIT, $0-9
	RDSEEDQ AX
	MOVQ AX, n+0(FP)
	SETCS ok+8(FP)
	RET

// func rdrand() (n uint64, ok bool)
TEXT ·rdrand(SB), NOSPLIT, $0-9
	RDRANDQ AX
	MOVQ AX, n+0(FP)
	SETCS ok+8(FP)
	RET
