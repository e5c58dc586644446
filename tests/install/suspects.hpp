// What headers of systems and of other libraries define, and programs include before ours.
#include <complex.h>
#if !defined(I)
#define I _Complex_I
#endif

// <windows.h> and what it includes
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define near
#define far
#define NEAR
#define FAR
#define IN
#define OUT
#define OPTIONAL
#define small char
#define hyper long
#define interface struct
#define pascal
#define cdecl
#define CONST const
#define VOID void
#define TRUE 1
#define FALSE 0
#define ERROR 0
#define NO_ERROR 0L
#define DELETE 0x00010000L
#define INFINITE 0xffffffff
#define STRICT 1
#define DOMAIN 1
#define OVERFLOW 3
#define UNDERFLOW 4

// <sys/sysmacros.h>, <X11/Xlib.h>, GNU's own, and what programs call their sizes
#define major(dev) gnu_dev_major(dev)
#define minor(dev) gnu_dev_minor(dev)
#define None 0L
#define Bool int
#define Status int
#define True 1
#define False 0
#define Success 0
#define Always 2
#define Complex 0
#define linux 1
#define unix 1
#define M_PI 3.14159265358979323846
#define PI 3.14159265358979323846
#define N 100
#define M 100
#define K 100
