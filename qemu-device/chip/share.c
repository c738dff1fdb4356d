// SPDX-License-Identifier: MIT
/*
 * Shares of core time: whose turn a free core is.
 *
 * A context is charged for what its workgroups take, divided by its weight: its
 * virtual time. Workgroups that run count beforehand with what they usually
 * take, so that a context with long ones does not get all cores at once while
 * it is the one with the least. The virtual clock is the largest virtual time.
 * A context that has nothing to run keeps its distance to the clock: idling
 * saves up nothing and costs nothing. What it can be owed is bounded.
 *
 * Between two dispatches of a queue there is a moment when its context has no
 * workgroup for the core that has become free. Its core is kept for it, at the
 * end of the first while workgroups run that are usually short, and then until
 * the packet engine has looked at the queue once; if its priority is higher, or
 * else if it is owed time or has not had the core for SC_STICKY_NS.
 *
 * Priorities come first, but a queue that the card has passed over for
 * SC_PATIENCE_NS of the time of every core gets one workgroup in before all.
 */
#include "internal.h"

#define SC_STICKY_NS   1000000ULL /* work that a core does for a context before it changes */
#define SC_SOON_NS     100000ULL /* the longest workgroups for whose end a core is kept */
#define SC_OWED_NS     1000000000ULL /* core time that a context can be owed */
#define SC_PATIENCE_NS 32000000ULL

#define URGENT 4 /* above every priority */

static struct sc_context *context_of(struct sc_chip *chip, const struct sc_work *work)
{
	return &chip->contexts[work->queue->bind.context];
}

/* Core time as virtual time. */
static uint64_t weighed(const struct sc_context *ctx, uint64_t ns)
{
	return ns * 1024 / ctx->reg.WEIGHT;
}

/* Virtual time of what has been charged. */
static uint64_t charged(struct sc_chip *chip, const struct sc_context *ctx)
{
	uint64_t owed = weighed(ctx, SC_OWED_NS);
	uint64_t least = chip->vclock > owed ? chip->vclock - owed : 0;

	return ctx->vtime > least ? ctx->vtime : least;
}

/* Virtual time of what has been charged and of what runs. */
static uint64_t spent(struct sc_chip *chip, const struct sc_context *ctx)
{
	return charged(chip, ctx) + weighed(ctx, ctx->ahead_ns);
}

/* @work is about to be listed. */
void sc_share_enter(struct sc_chip *chip, struct sc_work *work)
{
	struct sc_context *ctx = context_of(chip, work);

	work->queue->served_at = chip->reg.TOTAL_BUSY_NS;
	if (ctx->backlog++)
		return;
	ctx->vtime += chip->vclock - ctx->left_vclock;
	if (ctx->vtime > chip->vclock)
		ctx->vtime = chip->vclock;
}

/* @work has left the list: all its workgroups have started, or none will any more. */
void sc_share_leave(struct sc_chip *chip, struct sc_work *work)
{
	struct sc_context *ctx = context_of(chip, work);

	if (!--ctx->backlog)
		ctx->left_vclock = chip->vclock;
}

/* A workgroup of @unit->work starts. */
void sc_share_start(struct sc_chip *chip, struct sc_unit *unit)
{
	struct sc_context *ctx = context_of(chip, unit->work);

	unit->work->queue->served_at = chip->reg.TOTAL_BUSY_NS;
	unit->context = unit->work->queue->bind.context;
	unit->workgroup_ns = 0;
	unit->ahead_ns = ctx->usual_ns;
	ctx->ahead_ns += unit->ahead_ns;
}

void sc_share_charge(struct sc_chip *chip, struct sc_unit *unit, uint64_t ns)
{
	struct sc_context *ctx = context_of(chip, unit->work);
	uint64_t known = ns < unit->ahead_ns ? ns : unit->ahead_ns;

	unit->ahead_ns -= known;
	ctx->ahead_ns -= known;
	unit->workgroup_ns += ns;
	unit->served_ns += ns;
	ctx->reg.CHARGED_NS += ns;
	chip->reg.TOTAL_BUSY_NS += ns;
	ctx->vtime = charged(chip, ctx) + weighed(ctx, ns);
	if (ctx->vtime > chip->vclock)
		chip->vclock = ctx->vtime;
}

/* The workgroup on @unit is over. */
void sc_share_end(struct sc_chip *chip, struct sc_unit *unit)
{
	struct sc_context *ctx = context_of(chip, unit->work);

	ctx->ahead_ns -= unit->ahead_ns;
	unit->ahead_ns = 0;
	ctx->usual_ns = (3 * ctx->usual_ns + unit->workgroup_ns) / 4;
}

/* Priority of @work's queue, or URGENT if it has been passed over for too long. */
static unsigned int priority(struct sc_chip *chip, const struct sc_work *work)
{
	uint64_t patience = SC_PATIENCE_NS * chip->config.cores;

	if (chip->reg.TOTAL_BUSY_NS - work->queue->served_at >= patience)
		return URGENT;
	return work->queue->reg.PRIORITY;
}

/* Whether a context has more for @unit now, at @least or above. */
static bool has_more(struct sc_chip *chip, const struct sc_context *ctx,
		     const struct sc_unit *unit, unsigned int least)
{
	const struct sc_work *w;

	for (w = chip->dispatches; w; w = w->list_next)
		if (context_of(chip, w) == ctx && w->mask >> unit->id & 1 &&
		    priority(chip, w) >= least)
			return true;
	return false;
}

/* Whether @q is likely to have a dispatch in a moment, when the one before it is done. */
static bool comes_soon(struct sc_chip *chip, const struct sc_queue *q)
{
	const struct sc_context *ctx = &chip->contexts[q->bind.context];

	if (q->copy.work || q->command || q->failed || chip->quiesced)
		return false;
	if (q->ended)
		return true;
	return !ctx->backlog && ctx->ahead_ns && ctx->usual_ns <= SC_SOON_NS &&
	       (q->have || q->list.active || q->doorbell != (uint32_t)q->fetch);
}

/* Whether @unit, which is free, stays with the context that it serves instead of @work's. */
static bool is_kept(struct sc_chip *chip, const struct sc_unit *unit, const struct sc_work *work)
{
	const struct sc_context *owner = &chip->contexts[unit->context];
	const struct sc_context *ctx = context_of(chip, work);
	unsigned int least = priority(chip, work), i;
	bool sticks = unit->served_ns < SC_STICKY_NS, owed;
	const struct sc_queue *q;

	if (owner == ctx || owner->instance != unit->owner)
		return false;
	if (sticks && has_more(chip, owner, unit, least))
		return true;
	owed = sticks || spent(chip, owner) < spent(chip, ctx);
	for (i = 0; i < chip->config.slots; i++) {
		q = chip->slots[i].queue;
		if (q && &chip->contexts[q->bind.context] == owner &&
		    q->bind.core_mask >> unit->id & 1 && q->reg.PRIORITY + owed > least &&
		    comes_soon(chip, q))
			return true;
	}
	return false;
}

/* Free cores that @work may take. */
uint64_t sc_share_cores(struct sc_chip *chip, const struct sc_work *work)
{
	uint64_t cores = chip->free_cores & work->mask, bits;

	for (bits = cores; bits; bits &= bits - 1)
		if (is_kept(chip, &chip->units[__builtin_ctzll(bits)], work))
			cores &= ~(bits & -bits);
	return cores;
}

/* Whether a core goes to @a before @b. */
bool sc_share_before(struct sc_chip *chip, const struct sc_work *a, const struct sc_work *b)
{
	unsigned int pa = priority(chip, a), pb = priority(chip, b);
	uint64_t sa = spent(chip, context_of(chip, a)), sb = spent(chip, context_of(chip, b));

	if (pa != pb)
		return pa > pb;
	return sa != sb ? sa < sb : a->seq < b->seq;
}

/* The packet engine has looked at @q: what its context has for its cores, it has now. */
void sc_share_looked(struct sc_chip *chip, struct sc_queue *q)
{
	if (!q->ended)
		return;
	q->ended = false;
	if (chip->dispatches)
		sc_wake(chip);
}

/* After a device reset. */
void sc_share_reset(struct sc_chip *chip)
{
	struct sc_context *ctx;
	unsigned int i;

	chip->vclock = 0;
	for (i = 0; i < chip->config.contexts; i++) {
		ctx = &chip->contexts[i];
		ctx->backlog = 0;
		ctx->vtime = 0;
		ctx->left_vclock = 0;
		ctx->ahead_ns = 0;
		ctx->usual_ns = 0;
	}
}
