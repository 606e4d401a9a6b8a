typedef int mn_empty;
