// Which limit the kernel speaks of when it gives no file descriptor.
#pragma once

#include <string>

namespace fustor {

/** Whether this process, or the whole machine, has none left. EMFILE is said of other limits, too. */
bool is_out_of_descriptors();

/** What keeps a call from an instance of its own, with the cure. `own_limit`: what EMFILE means while there are descriptors. */
std::string why_no_instance(int error, const char* own_limit);

}  // namespace fustor
