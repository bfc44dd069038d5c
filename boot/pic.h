/* The legacy interrupt controllers. */
#pragma once

/* Masks every line of the 8259s, and moves their vectors away from the exceptions.  Once the
 * firmware is gone. */
void pic_mask(void);
