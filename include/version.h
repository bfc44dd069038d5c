/* Lintel's version, as every image prints it. */
#pragma once

#define LINTEL_VERSION "0.1"
