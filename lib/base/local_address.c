#include "lib/base/local_address.h"

#include "lib/base/fail.h"

#include <sys/socket.h>

gboolean
local_address(const char *path, struct sockaddr_un *address, GError **error)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (g_strlcpy(address->sun_path, path, sizeof address->sun_path) < sizeof address->sun_path)
        return TRUE;
    return fail_set(error, FAIL_USAGE, "the path of the socket '%s' is longer than %zu bytes", path,
                    sizeof address->sun_path - 1);
}
