/* Boot: what happens each time Redis becomes reachable.  The first time its settings are judged
 * (a Redis that loses data is refused, everysec is warned of), then work begins. */
#ifndef APP_BOOT_H
#define APP_BOOT_H
#include "notifier/app/world.h"

void boot_connected(struct world *world);
bool boot_has_refused(void); /* the settings were refused: the exit code says so */
#endif
