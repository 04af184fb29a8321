/* One step of a Llama-family model for a few rows: new tokens of running answers, guessed ones among them.

   It computes what llama.py computes with torch, without the cost of five hundred small operations a step, and reads
   each weight once for all rows. native.py builds it with the system's compiler; where there is none, torch does it.

   Sums are of 32-bit floats in an order that does not depend on the other rows: the same answer in any company. */

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>
#ifdef __AVX512F__
#include <immintrin.h> /* for two conversions that compilers write badly by themselves */
#endif

enum { FLOAT32, BFLOAT16, INT8 }; /* how numbers are kept */
enum { LANES = 16, MOST_WIDTH = 256, MOST_RANK = 768, HALF = 254 };

#define INLINE static inline __attribute__((always_inline))

typedef float Floats __attribute__((vector_size(64)));
typedef float HalfFloats __attribute__((vector_size(32)));
typedef float QuarterFloats __attribute__((vector_size(16)));
typedef int8_t Bytes __attribute__((vector_size(16)));
typedef int16_t Signed __attribute__((vector_size(32)));
typedef int32_t Integers __attribute__((vector_size(64)));
typedef uint16_t Shorts __attribute__((vector_size(32)));
typedef uint32_t Words __attribute__((vector_size(64)));

typedef struct { const void *weights; const float *scales, *bias; int64_t out, in; } Matrix; /* [out, in] */
typedef struct { const void *down, *up; int64_t rank; } LowRank;                             /* [rank, in], [rank, out] */
enum { QKV, OUTPUT, GATE_UP, DOWN, PRODUCTS };
typedef struct { LowRank products[PRODUCTS]; } AdapterLayer;
typedef struct { Matrix products[PRODUCTS]; const float *attention_norm, *feed_norm; } Layer;

typedef struct {
    const Layer *layers;
    const float *norm, *cosines, *sines; /* the latter [context, width], signed as in llama.py */
    Matrix head;
    int64_t count, hidden, wide, heads, kv_heads, width, context;
    int64_t kind, fine; /* of the weights; of adapters, keys and values */
    double epsilon;
    int64_t threads;
} Model;

typedef struct {
    void *keys, *values; /* [layers, kv_heads, capacity, width] of the row's sequence */
    const AdapterLayer *adapter;
    int64_t layer_stride, head_stride, position;
} Row;

INLINE Floats load(const void *from, int64_t index, const int kind)
{
    if (kind == INT8) {
        Bytes bytes;
        memcpy(&bytes, (const int8_t *)from + index, sizeof bytes);
#ifdef __AVX512F__
        return (Floats)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32((__m128i)bytes));
#else
        Signed wider = __builtin_convertvector(bytes, Signed);
        return __builtin_convertvector(__builtin_convertvector(wider, Integers), Floats);
#endif
    }
    if (kind == BFLOAT16) {
        Shorts shorts;
        memcpy(&shorts, (const uint16_t *)from + index, sizeof shorts);
#ifdef __AVX512F__
        return (Floats)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)shorts), 16);
#else
        return (Floats)(__builtin_convertvector(shorts, Words) << 16);
#endif
    }
    Floats floats;
    memcpy(&floats, (const float *)from + index, sizeof floats);
    return floats;
}

INLINE void store(void *to, int64_t index, Floats floats, const int kind)
{
    if (kind == BFLOAT16) { /* to the nearest, ties to even */
        Words words = (Words)floats;
        Shorts shorts = __builtin_convertvector((words + 0x7fff + ((words >> 16) & 1)) >> 16, Shorts);
        memcpy((uint16_t *)to + index, &shorts, sizeof shorts);
    } else {
        memcpy((float *)to + index, &floats, sizeof floats);
    }
}

INLINE float total(Floats floats)
{
    HalfFloats halves[2];
    QuarterFloats quarters[2];
    memcpy(halves, &floats, sizeof floats);
    halves[0] += halves[1];
    memcpy(quarters, halves, sizeof quarters);
    quarters[0] += quarters[1];
    return (quarters[0][0] + quarters[0][2]) + (quarters[0][1] + quarters[0][3]);
}

/* `outs` outputs of `rows` rows: both are constants where this is inlined, so that the sums stay in registers. */
INLINE void tile(const Matrix *matrix, const int kind, int64_t out, const float *x, int64_t x_stride, float *y,
                 int64_t y_stride, int add, const int outs, const int rows)
{
    Floats sums[4][8];
#pragma GCC unroll 4
    for (int o = 0; o < outs; o++)
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
            sums[o][r] = (Floats){0};
    for (int64_t k = 0; k < matrix->in; k += LANES) {
        Floats weights[4];
#pragma GCC unroll 4
        for (int o = 0; o < outs; o++)
            weights[o] = load(matrix->weights, (out + o) * matrix->in + k, kind);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            Floats values = load(x, r * x_stride + k, FLOAT32);
#pragma GCC unroll 4
            for (int o = 0; o < outs; o++)
                sums[o][r] += weights[o] * values;
        }
    }
    for (int o = 0; o < outs; o++) {
        float scale = matrix->scales ? matrix->scales[out + o] : 1, bias = matrix->bias ? matrix->bias[out + o] : 0;
        for (int r = 0; r < rows; r++) {
            float *place = y + r * y_stride + out + o;
            *place = total(sums[o][r]) * scale + bias + (add ? *place : 0);
        }
    }
}

INLINE void product_of(const Matrix *matrix, const int kind, int64_t first, int64_t last, const float *x,
                       int64_t x_stride, int64_t rows, float *y, int64_t y_stride, int add)
{
    int64_t out = first;
    for (; out + 4 <= last; out += 4) {
        int64_t r = 0;
        for (; r + 8 <= rows; r += 8) {
            tile(matrix, kind, out, x + r * x_stride, x_stride, y + r * y_stride, y_stride, add, 2, 8);
            tile(matrix, kind, out + 2, x + r * x_stride, x_stride, y + r * y_stride, y_stride, add, 2, 8);
        }
        for (; r + 4 <= rows; r += 4)
            tile(matrix, kind, out, x + r * x_stride, x_stride, y + r * y_stride, y_stride, add, 4, 4);
        for (; r + 2 <= rows; r += 2)
            tile(matrix, kind, out, x + r * x_stride, x_stride, y + r * y_stride, y_stride, add, 4, 2);
        for (; r < rows; r++)
            tile(matrix, kind, out, x + r * x_stride, x_stride, y + r * y_stride, y_stride, add, 4, 1);
    }
    for (; out < last; out++)
        for (int64_t r = 0; r < rows; r++)
            tile(matrix, kind, out, x + r * x_stride, x_stride, y + r * y_stride, y_stride, add, 1, 1);
}

/* y[rows, first..last] = (add ? y : 0) + x[rows, in] times the matrix */
static void product(const Matrix *matrix, int64_t kind, int64_t first, int64_t last, const float *x, int64_t x_stride,
                    int64_t rows, float *y, int64_t y_stride, int add)
{
    if (kind == INT8)
        product_of(matrix, INT8, first, last, x, x_stride, rows, y, y_stride, add);
    else if (kind == BFLOAT16)
        product_of(matrix, BFLOAT16, first, last, x, x_stride, rows, y, y_stride, add);
    else
        product_of(matrix, FLOAT32, first, last, x, x_stride, rows, y, y_stride, add);
}

/* How many rows from `start` on have the same adapter. */
static int64_t alike(const Row *rows, int64_t start, int64_t count)
{
    int64_t end = start + 1;
    while (end < count && rows[end].adapter == rows[start].adapter)
        end++;
    return end - start;
}

/* The first half of an adapter's product: low[rows, rank] = x times down. Every thread does it for itself. */
static void lower(const Model *model, const Row *rows, int64_t count, int64_t layer, int which, const float *x,
                  int64_t x_stride, float *low)
{
    for (int64_t r = 0, same; r < count; r += same) {
        same = alike(rows, r, count);
        if (!rows[r].adapter)
            continue;
        const LowRank *part = &rows[r].adapter[layer].products[which];
        Matrix down = {part->down, 0, 0, part->rank, model->layers[layer].products[which].in};
        product(&down, model->fine, 0, part->rank, x + r * x_stride, x_stride, same, low + r * MOST_RANK, MOST_RANK, 0);
    }
}

INLINE void lift_row(const LowRank *part, const int fine, int64_t out, int64_t first, int64_t last, const float *low,
                     float *y)
{
    for (int64_t k = first; k < last; k += LANES) {
        Floats sum = load(y, k, FLOAT32);
        for (int64_t j = 0; j < part->rank; j++)
            sum += low[j] * load(part->up, j * out + k, fine);
        store(y, k, sum, FLOAT32);
    }
}

/* The second half: y[rows, first..last] += low times up. */
static void lift(const Model *model, const Row *rows, int64_t count, int64_t layer, int which, int64_t first,
                 int64_t last, const float *low, float *y, int64_t y_stride)
{
    int64_t out = model->layers[layer].products[which].out;
    for (int64_t r = 0; r < count; r++) {
        if (!rows[r].adapter)
            continue;
        const LowRank *part = &rows[r].adapter[layer].products[which];
        if (model->fine == BFLOAT16)
            lift_row(part, BFLOAT16, out, first, last, low + r * MOST_RANK, y + r * y_stride);
        else
            lift_row(part, FLOAT32, out, first, last, low + r * MOST_RANK, y + r * y_stride);
    }
}

static void normalise(const float *hidden, const float *weight, float *normed, int64_t rows, int64_t size, float epsilon)
{
    for (int64_t r = 0; r < rows; r++, hidden += size, normed += size) {
        Floats squares = {0};
        for (int64_t k = 0; k < size; k += LANES) {
            Floats values = load(hidden, k, FLOAT32);
            squares += values * values;
        }
        float scale = 1 / sqrtf(total(squares) / size + epsilon);
        for (int64_t k = 0; k < size; k++)
            normed[k] = hidden[k] * scale * weight[k];
    }
}

static void rotate(const Model *model, const float *from, int64_t position, float factor, float *to)
{
    const float *cosines = model->cosines + position * model->width, *sines = model->sines + position * model->width;
    int64_t half = model->width / 2;
    for (int64_t k = 0; k < half; k++) {
        to[k] = (from[k] * cosines[k] + from[k + half] * sines[k]) * factor;
        to[k + half] = (from[k + half] * cosines[k + half] + from[k] * sines[k + half]) * factor;
    }
}

/* Put a row's new key and value of one head where its sequence keeps them. */
INLINE void remember(const Model *model, const Row *row, int64_t layer, int64_t head, const float *qkv, const int fine)
{
    float key[MOST_WIDTH];
    const float *value = qkv + (model->heads + model->kv_heads + head) * model->width;
    int64_t place = layer * row->layer_stride + head * row->head_stride + row->position * model->width;
    rotate(model, qkv + (model->heads + head) * model->width, row->position, 1, key);
    for (int64_t k = 0; k < model->width; k += LANES) {
        store(row->keys, place + k, load(key, k, FLOAT32), fine);
        store(row->values, place + k, load(value, k, FLOAT32), fine);
    }
}

/* What one query head of a row sees up to its own position. `width` is a constant where this is inlined. */
INLINE void attend(const Model *model, const Row *row, int64_t layer, int64_t head, const float *qkv, float *scores,
                   float *to, const int fine, const int64_t width)
{
    float query[MOST_WIDTH], highest = -INFINITY, sum = 0;
    int64_t group = model->heads / model->kv_heads, length = row->position + 1;
    int64_t start = layer * row->layer_stride + head / group * row->head_stride;
    rotate(model, qkv + head * width, row->position, 1 / sqrtf(width), query);
    for (int64_t p = 0; p < length; p++) {
        Floats near = {0};
        for (int64_t k = 0; k < width; k += LANES)
            near += load(query, k, FLOAT32) * load(row->keys, start + p * width + k, fine);
        scores[p] = total(near);
        highest = scores[p] > highest ? scores[p] : highest;
    }
    for (int64_t p = 0; p < length; p++)
        scores[p] = expf(scores[p] - highest);
    for (int64_t p = 0; p < length; p++)
        sum += scores[p];
    Floats seen[MOST_WIDTH / LANES];
    for (int64_t k = 0; k < width / LANES; k++)
        seen[k] = (Floats){0};
    for (int64_t p = 0; p < length; p++)
        for (int64_t k = 0; k < width / LANES; k++)
            seen[k] += scores[p] * load(row->values, start + p * width + k * LANES, fine);
    for (int64_t k = 0; k < width / LANES; k++)
        store(to, k * LANES, seen[k] / sum, FLOAT32);
}

static void attend_any(const Model *model, const Row *row, int64_t layer, int64_t head, const float *qkv, float *scores,
                       float *to)
{
    if (model->fine == BFLOAT16 && model->width == 64)
        attend(model, row, layer, head, qkv, scores, to, BFLOAT16, 64);
    else if (model->fine == BFLOAT16)
        attend(model, row, layer, head, qkv, scores, to, BFLOAT16, model->width);
    else if (model->width == 64)
        attend(model, row, layer, head, qkv, scores, to, FLOAT32, 64);
    else
        attend(model, row, layer, head, qkv, scores, to, FLOAT32, model->width);
}

typedef struct { float *qkv, *attended, *wide, *normed, *low, *scores; } Desk; /* the last three are a thread's own */

static int64_t shared_floats(const Model *model, int64_t rows)
{
    return rows * ((2 * model->heads + 2 * model->kv_heads) * model->width + 2 * model->wide);
}

static int64_t own_floats(const Model *model, int64_t rows)
{
    return rows * (model->hidden + MOST_RANK) + (model->context + LANES);
}

/* Floats of scratch memory that a step of so many rows needs. */
int64_t scratch_floats(const Model *model, int64_t rows)
{
    return shared_floats(model, rows) + model->threads * own_floats(model, rows);
}

static Desk desk_of(const Model *model, int64_t rows, float *scratch, int64_t thread)
{
    Desk desk;
    float *own = scratch + shared_floats(model, rows) + thread * own_floats(model, rows);
    desk.qkv = scratch;
    desk.attended = desk.qkv + rows * (model->heads + 2 * model->kv_heads) * model->width;
    desk.wide = desk.attended + rows * model->heads * model->width;
    desk.normed = own;
    desk.low = desk.normed + rows * model->hidden;
    desk.scores = desk.low + rows * MOST_RANK;
    return desk;
}

/* A thread's part of `size` things, in whole vectors. */
static int64_t part(int64_t size, int64_t thread, int64_t threads)
{
    return thread == threads ? size : size / LANES * thread / threads * LANES;
}

static void mix(const Model *model, const Row *rows, int64_t count, int64_t layer, const Desk *desk, float *hidden,
                int64_t thread, int64_t threads)
{
    const Layer *own = &model->layers[layer];
    int64_t size = (model->heads + 2 * model->kv_heads) * model->width, seen = model->heads * model->width;
    int64_t first = part(size, thread, threads), last = part(size, thread + 1, threads);
    normalise(hidden, own->attention_norm, desk->normed, count, model->hidden, model->epsilon);
    lower(model, rows, count, layer, QKV, desk->normed, model->hidden, desk->low);
    product(&own->products[QKV], model->kind, first, last, desk->normed, model->hidden, count, desk->qkv, size, 0);
    lift(model, rows, count, layer, QKV, first, last, desk->low, desk->qkv, size);
#pragma omp barrier
    for (int64_t n = count * model->kv_heads * thread / threads; n < count * model->kv_heads * (thread + 1) / threads; n++) {
        int64_t r = n / model->kv_heads, head = n % model->kv_heads;
        if (model->fine == BFLOAT16)
            remember(model, &rows[r], layer, head, desk->qkv + r * size, BFLOAT16);
        else
            remember(model, &rows[r], layer, head, desk->qkv + r * size, FLOAT32);
    }
#pragma omp barrier
    for (int64_t n = count * model->heads * thread / threads; n < count * model->heads * (thread + 1) / threads; n++) {
        int64_t r = n / model->heads, head = n % model->heads;
        attend_any(model, &rows[r], layer, head, desk->qkv + r * size, desk->scores,
                   desk->attended + r * seen + head * model->width);
    }
#pragma omp barrier
    first = part(model->hidden, thread, threads), last = part(model->hidden, thread + 1, threads);
    lower(model, rows, count, layer, OUTPUT, desk->attended, seen, desk->low);
    product(&own->products[OUTPUT], model->kind, first, last, desk->attended, seen, count, hidden, model->hidden, 1);
    lift(model, rows, count, layer, OUTPUT, first, last, desk->low, hidden, model->hidden);
#pragma omp barrier
}

static void feed(const Model *model, const Row *rows, int64_t count, int64_t layer, const Desk *desk, float *hidden,
                 int64_t thread, int64_t threads)
{
    const Layer *own = &model->layers[layer];
    int64_t wide = model->wide, size = 2 * wide;
    int64_t first = part(wide, thread, threads), last = part(wide, thread + 1, threads);
    normalise(hidden, own->feed_norm, desk->normed, count, model->hidden, model->epsilon);
    lower(model, rows, count, layer, GATE_UP, desk->normed, model->hidden, desk->low);
    for (int64_t start = 0; start < size; start += wide) {
        product(&own->products[GATE_UP], model->kind, start + first, start + last, desk->normed, model->hidden, count,
                desk->wide, size, 0);
        lift(model, rows, count, layer, GATE_UP, start + first, start + last, desk->low, desk->wide, size);
    }
    for (int64_t r = 0; r < count; r++) {
        float *gate = desk->wide + r * size, *up = gate + wide;
        for (int64_t k = first; k < last; k++)
            gate[k] = gate[k] / (1 + expf(-gate[k])) * up[k];
    }
#pragma omp barrier
    first = part(model->hidden, thread, threads), last = part(model->hidden, thread + 1, threads);
    lower(model, rows, count, layer, DOWN, desk->wide, size, desk->low);
    product(&own->products[DOWN], model->kind, first, last, desk->wide, size, count, hidden, model->hidden, 1);
    lift(model, rows, count, layer, DOWN, first, last, desk->low, hidden, model->hidden);
#pragma omp barrier
}

/* hidden[count, hidden] holds the embeddings and is written over; logits[count, vocabulary] is what comes out. */
void step(const Model *model, const Row *rows, int64_t count, float *hidden, float *logits, float *scratch)
{
#pragma omp parallel num_threads(model->threads)
    {
        int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
        Desk desk = desk_of(model, count, scratch, thread);
        for (int64_t layer = 0; layer < model->count; layer++) {
            mix(model, rows, count, layer, &desk, hidden, thread, threads);
            feed(model, rows, count, layer, &desk, hidden, thread, threads);
        }
        normalise(hidden, model->norm, desk.normed, count, model->hidden, model->epsilon);
        product(&model->head, model->kind, part(model->head.out, thread, threads),
                part(model->head.out, thread + 1, threads), desk.normed, model->hidden, count, logits, model->head.out, 0);
    }
}

/* Each row as two bytes a value, the second for what the first leaves: halves[2 * rows, size], and each row's unit. */
void halve(const float *x, int64_t rows, int64_t size, int64_t threads, int8_t *halves, float *units)
{
#pragma omp parallel for num_threads(threads)
    for (int64_t r = 0; r < rows; r++) {
        const float *from = x + r * size;
        int8_t *first = halves + r * size, *second = first + rows * size;
        float largest = 1e-30f;
        for (int64_t k = 0; k < size; k++)
            largest = fabsf(from[k]) > largest ? fabsf(from[k]) : largest;
        float scale = 127 / largest;
        units[r] = largest / 127;
        for (int64_t k = 0; k < size; k++) {
            float value = from[k] * scale, whole = rintf(value);
            first[k] = (int8_t)whole;
            second[k] = (int8_t)rintf((value - whole) * HALF);
        }
    }
}

/* Products of bytes back to numbers: y[rows, out] from both[2 * rows, out], as products.py does it. */
void join(const int32_t *both, const float *units, const float *scales, const float *bias, int64_t rows, int64_t out,
          int64_t threads, float *y)
{
#pragma omp parallel for num_threads(threads)
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *first = both + r * out, *second = first + rows * out;
        for (int64_t k = 0; k < out; k++)
            y[r * out + k] = (first[k] + second[k] * (1.0f / HALF)) * units[r] * scales[k];
        for (int64_t k = 0; bias && k < out; k++)
            y[r * out + k] += bias[k];
    }
}
