// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts.
 *
 * Invariant: the handler of a queue vector only moves fences on; it reads one
 * word per queue that is armed, and never a register. Vector 0 is threaded, since its events
 * are handled under mutexes.
 */
#include <linux/dma-fence.h>
#include <linux/interrupt.h>

#include <drm/drm_managed.h>

#include "device.h"
#include "fault.h"
#include "irq.h"
#include "job.h"
#include "queue.h"

#define LEAST_VECTORS 8U /* for the queues of a whole card, where there are fewer CPUs */

static irqreturn_t seedchip_irq_queues(int irq, void *data)
{
	struct seedchip_vector *vector = data;
	struct seedchip_queue *q;

	spin_lock(&vector->lock);
	list_for_each_entry(q, &vector->queues, vector_link)
		/* The vector is raised for ARM alone, which is noted before it is written. */
		if (READ_ONCE(q->armed) != ~0ULL)
			seedchip_job_retire(q);
	spin_unlock(&vector->lock);
	return IRQ_HANDLED;
}

static irqreturn_t seedchip_irq_events(int irq, void *data)
{
	struct seedchip_vector *vector = data;
	bool cookie = dma_fence_begin_signalling();

	if (!READ_ONCE(vector->sdev->wedged))
		seedchip_fault_interrupt(vector->sdev);
	dma_fence_end_signalling(cookie);
	return IRQ_HANDLED;
}

static int seedchip_irq_request(struct seedchip_device *sdev, struct seedchip_vector *vector)
{
	struct pci_dev *pdev = to_pci_dev(sdev->drm.dev);
	const char *name = pci_name(pdev);

	if (vector->index == 0)
		return pci_request_irq(pdev, 0, NULL, seedchip_irq_events, vector,
				       "seedchip-%s-events", name);
	return pci_request_irq(pdev, vector->index, seedchip_irq_queues, NULL, vector,
			       "seedchip-%s-%u", name, vector->index);
}

int seedchip_irq_init(struct seedchip_device *sdev)
{
	struct pci_dev *pdev = to_pci_dev(sdev->drm.dev);
	unsigned int i, most;
	int count, err;

	/*
	 * No more than help: a machine has few for each CPU, and a card can be many functions.
	 * But a vector shared by hundreds of queues makes each interrupt look at all of them.
	 */
	most = num_online_cpus();
	if (!pdev->is_virtfn)
		most = max(most, LEAST_VECTORS);
	most = min3(sdev->num_vectors, sdev->num_queues, most + 1);
	count = pci_alloc_irq_vectors(pdev, 2, most, PCI_IRQ_MSIX);
	if (count < 0)
		return dev_err_probe(&pdev->dev, count, "card needs two MSI-X vectors\n");
	sdev->num_vectors = count;
	/* As long as the DRM device: a queue may be released while the card is removed. */
	sdev->vectors = drmm_kcalloc(&sdev->drm, count, sizeof(*sdev->vectors), GFP_KERNEL);
	if (!sdev->vectors) {
		err = -ENOMEM;
		goto err_free_vectors;
	}
	for (i = 0; i < count; i++) {
		struct seedchip_vector *vector = &sdev->vectors[i];

		vector->sdev = sdev;
		vector->index = i;
		spin_lock_init(&vector->lock);
		INIT_LIST_HEAD(&vector->queues);
		err = seedchip_irq_request(sdev, vector);
		if (err)
			goto err_free_irqs;
	}
	return 0;

err_free_irqs:
	while (i--)
		pci_free_irq(pdev, i, &sdev->vectors[i]);
err_free_vectors:
	pci_free_irq_vectors(pdev);
	return err;
}

void seedchip_irq_fini(struct seedchip_device *sdev)
{
	struct pci_dev *pdev = to_pci_dev(sdev->drm.dev);
	unsigned int i;

	for (i = 0; i < sdev->num_vectors; i++)
		pci_free_irq(pdev, i, &sdev->vectors[i]);
	pci_free_irq_vectors(pdev);
}

u32 seedchip_irq_vector(struct seedchip_device *sdev, u32 queue)
{
	return 1 + queue % (sdev->num_vectors - 1);
}

void seedchip_irq_attach(struct seedchip_queue *q)
{
	struct seedchip_vector *vector = &q->sdev->vectors[q->vector];

	spin_lock_irq(&vector->lock);
	list_add_tail(&q->vector_link, &vector->queues);
	spin_unlock_irq(&vector->lock);
}

/* Idempotent: when the device goes, its queues lose their vectors with it. */
void seedchip_irq_detach(struct seedchip_queue *q)
{
	struct seedchip_vector *vector;

	if (list_empty(&q->vector_link))
		return;
	vector = &q->sdev->vectors[q->vector];
	spin_lock_irq(&vector->lock);
	list_del_init(&q->vector_link);
	spin_unlock_irq(&vector->lock);
}
