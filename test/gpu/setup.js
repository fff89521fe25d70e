// Without a GPU the tests fail, unless the caller names another device.
process.env.CONVSWEEP_TEST_DEVICE ||= 'cuda';
