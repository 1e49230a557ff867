#pragma once

namespace hocket::testing {

/// Says that the present test case, or a part of it, cannot be tried here: what it needs is missing. A
/// run of tests in which that happened and nothing failed ends with 77, which ctest tells as skipped;
/// such cases are suites of their own ("kernel", "groups"), so that they
/// hide no others.
void skipped(const char* needs);

}  // namespace hocket::testing
