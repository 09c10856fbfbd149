/* The only list of adapters: a new one is a file and a line here. */
#include "carriers/carrier.h"

extern const struct carrier carrier_dhl, carrier_fedex, carrier_generic, carrier_sandbox;

static const struct carrier *const carriers[] = {
    &carrier_dhl,
    &carrier_fedex,
    &carrier_generic,
    &carrier_sandbox,
};

size_t carrier_count(void)
{
	return sizeof carriers / sizeof(const struct carrier *);
}

const struct carrier *carrier_at(size_t index)
{
	return index < carrier_count() ? carriers[index] : NULL;
}

const struct carrier *carrier_find(const char *name)
{
	for (size_t i = 0; i < carrier_count(); i++)
		if (text_eq(carriers[i]->name, name))
			return carriers[i];
	return NULL;
}
