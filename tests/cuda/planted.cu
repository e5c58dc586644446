// What the inspection has to find: an approximate exponential.
__global__ void approximate(float* x) { x[threadIdx.x] = __expf(x[threadIdx.x]); }
